import { describe, expect, it } from "vitest";
import type { ApiToken } from "../../src/api-tokens/api-token.ts";
import { BOOK_SCHEMA, encodeBook } from "../../src/api-tokens/book-document.ts";
import { TOKENS_MAX, withRoom } from "../../src/api-tokens/book-room.ts";
import { issue, revoke, rotate, type TokenBook, touched } from "../../src/api-tokens/token-book.ts";
import { isKeyturnError } from "../../src/errors.ts";
import { DOCUMENT_BYTES_MAX } from "../../src/store/store.ts";
import { bookOf, idOf, NOW, newValue, orderOf, sampleToken } from "./sample-token.ts";

/** Issues tokens until that is refused. */
function filled(make: (i: number) => Parameters<typeof orderOf>[0]): TokenBook {
  let book = bookOf();
  try {
    for (let i = 0; i < 1000; i++) book = issue(book, newValue(`n${i}`), orderOf(make(i)), NOW);
  } catch (error) {
    if (isKeyturnError(error, "api_tokens_full")) return book;
    throw error;
  }
  throw new Error("A book without end.");
}

const bytesOf = (book: TokenBook) =>
  Buffer.byteLength(encodeBook({ schema: BOOK_SCHEMA, kek: "k".repeat(16), book, mac: "A".repeat(43) }));

const ORDINARY = { name: "orders in production", scope: { audiences: ["orders"], claims: null } };
const WIDE = {
  name: "😀".repeat(50),
  scope: { audiences: Array.from({ length: 20 }, (_, i) => `${i}${"é".repeat(190)}`), claims: null },
};

/** About two kilobytes. */
const LARGE = {
  name: "orders",
  scope: { audiences: Array.from({ length: 9 }, (_, i) => `${i}${"a".repeat(190)}`), claims: null },
};

describe("a book", () => {
  it("takes 80 ordinary tokens, and no more", () => {
    const book = filled(() => ORDINARY);
    expect(book.tokens).toHaveLength(TOKENS_MAX);
    expect(TOKENS_MAX).toBe(80);
  });

  it.each([
    ["ordinary", ORDINARY],
    ["as wide as can be", WIDE],
  ])(
    "however full of tokens that are %s, has room to rotate them all at once, to write down uses, and to revoke them all",
    (_, order) => {
      let book = filled(() => order);
      const names = book.tokens.map((_, i) => `n${i}`);
      for (const name of names)
        book = rotate(book, idOf(name), newValue(`${name}s`), { overlapSeconds: 600 }, NOW) as TokenBook;
      expect(book.tokens).toHaveLength(names.length * 2);
      expect(bytesOf(book)).toBeLessThan(DOCUMENT_BYTES_MAX);
      const uses = new Map(book.tokens.map(({ id }) => [id, NOW]));
      book = touched(book, uses) as TokenBook;
      expect(bytesOf(book)).toBeLessThan(DOCUMENT_BYTES_MAX);
      for (const [i, name] of names.flatMap((name) => [name, `${name}s`]).entries()) {
        book = revoke(book, [idOf(name)], "\u{20ac}".repeat(500), NOW + i) as TokenBook;
        expect(bytesOf(book)).toBeLessThan(DOCUMENT_BYTES_MAX);
        expect(book.tokens.find(({ id }) => id === idOf(name))?.revokedAt).toBe(NOW + i);
      }
    },
  );

  it("forgets nobody because of time, however long it is", () => {
    const ended: ApiToken[] = [
      sampleToken("expired", { expiresAt: NOW }),
      sampleToken("revoked", { revokedAt: NOW, revokedBecause: "x" }),
      sampleToken("rotated", { successor: idOf("next"), overlapUntil: NOW }),
    ];
    const book = bookOf(...ended, sampleToken("good"));
    const later = { ...book, committedAt: NOW + 300_000_000 };
    expect(issue(later, newValue("new"), orderOf(), NOW + 300_000_000).tokens).toHaveLength(5);
  });

  it("forgets, where there is no room, the revoked first, then the superseded, then the expired, longest ended first", () => {
    const over = NOW - 1000;
    const ended = [2, 0, 1].flatMap((i) => [
      sampleToken(`expired${i}`, { ...LARGE, expiresAt: over + i }),
      sampleToken(`rotated${i}`, { ...LARGE, successor: idOf("next"), overlapUntil: over + i }),
      sampleToken(`revoked${i}`, { ...LARGE, revokedAt: over + i, revokedBecause: "x" }),
    ]);
    const good = Array.from({ length: 29 }, (_, i) => sampleToken(`good${i}`, LARGE));
    const forgotten = new Set<string>();
    for (let i = 0; i <= good.length; i++) {
      const kept = withRoom([...ended, ...good.slice(0, i)], "rotate", NOW, NOW);
      const gone = ended.filter((token) => !kept.includes(token));
      if (gone.length > 0) expect(bytesOf(bookOf(...kept, ...gone.slice(0, 1)))).toBeGreaterThan(60_000);
      for (const { id } of gone) forgotten.add(id);
    }
    expect([...forgotten].slice(0, 7)).toEqual(
      [0, 1, 2]
        .map((i) => idOf(`revoked${i}`))
        .concat(
          [0, 1, 2].map((i) => idOf(`rotated${i}`)),
          idOf("expired0"),
        ),
    );
  });

  it("forgets nobody who is over by this clock alone, and is full instead", () => {
    const ended = Array.from({ length: 25 }, (_, i) =>
      sampleToken(`e${i}`, { ...LARGE, expiresAt: NOW + 60 }),
    );
    const ahead = NOW + 31_536_000;
    let book = bookOf(...ended);
    let issued = 0;
    const issueMore = () => {
      for (; issued < 10; issued++)
        book = { ...issue(book, newValue(`n${issued}`), orderOf(LARGE), ahead), committedAt: NOW };
    };
    expect(issueMore).toThrow(expect.objectContaining({ code: "api_tokens_full" }));
    expect(issued).toBeGreaterThan(0);
    expect(book.tokens.slice(0, 25)).toEqual(ended);
  });

  it("writes down no use, rather than forget anybody for it", () => {
    let book = bookOf();
    for (let i = 0; bytesOf(book) < 65_000; i++)
      book = {
        ...book,
        tokens: [...book.tokens, sampleToken(`n${i}`, { revokedAt: NOW, revokedBecause: "x".repeat(50) })],
      };
    expect(touched(book, new Map(book.tokens.map(({ id }) => [id, NOW])))).toBeNull();
  });

  it("that is full says so, and which tokens to look for", () => {
    const book = filled(() => ORDINARY);
    expect(() => issue(book, newValue("new"), orderOf(), NOW)).toThrow(
      expect.objectContaining({ code: "api_tokens_full", fix: expect.stringContaining("api-token list") }),
    );
    const freed = revoke(book, [idOf("n0")], "x", NOW) as TokenBook;
    expect(issue(freed, newValue("new"), orderOf(), NOW).tokens.at(-1)?.id).toBe(idOf("new"));
  });
});
