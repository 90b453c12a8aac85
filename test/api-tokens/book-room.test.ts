import { describe, expect, it } from "vitest";
import type { ApiToken } from "../../src/api-tokens/api-token.ts";
import { encodeBook } from "../../src/api-tokens/book-document.ts";
import { ENDED_KEPT_SECONDS, TOKENS_MAX } from "../../src/api-tokens/book-room.ts";
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
  Buffer.byteLength(encodeBook({ schema: 1, kek: "k".repeat(16), book, mac: "A".repeat(43) }));

const ORDINARY = { name: "orders in production", scope: { audiences: ["orders"], claims: null } };
const WIDE = {
  name: "😀".repeat(50),
  scope: { audiences: Array.from({ length: 20 }, (_, i) => `${i}${"é".repeat(190)}`), claims: null },
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
      book = touched(book, uses, NOW) as TokenBook;
      expect(bytesOf(book)).toBeLessThan(DOCUMENT_BYTES_MAX);
      for (const [i, name] of names.flatMap((name) => [name, `${name}s`]).entries()) {
        book = revoke(book, [idOf(name)], "\u{20ac}".repeat(500), NOW + i) as TokenBook;
        expect(bytesOf(book)).toBeLessThan(DOCUMENT_BYTES_MAX);
        expect(book.tokens.find(({ id }) => id === idOf(name))?.revokedAt).toBe(NOW + i);
      }
    },
  );

  it("shows what has ended for a week, then forgets it", () => {
    const ended: ApiToken[] = [
      sampleToken("expired", { expiresAt: NOW }),
      sampleToken("revoked", { revokedAt: NOW, revokedBecause: "x" }),
      sampleToken("rotated", { successor: idOf("next"), overlapUntil: NOW }),
    ];
    const book = bookOf(...ended, sampleToken("good"));
    const namesAfter = (seconds: number) =>
      issue(book, newValue("new"), orderOf(), NOW + seconds).tokens.map(({ id }) => id);
    expect(namesAfter(ENDED_KEPT_SECONDS - 1)).toHaveLength(5);
    expect(namesAfter(ENDED_KEPT_SECONDS)).toEqual([idOf("good"), idOf("new")]);
  });

  it("forgets first what ended first where there is no room", () => {
    const wide = orderOf(WIDE);
    const ended = Array.from({ length: 20 }, (_, i) =>
      sampleToken(`e${i}`, {
        name: wide.name,
        scope: wide.scope,
        revokedAt: NOW - 100 + i,
        revokedBecause: "x",
      }),
    );
    const { tokens } = issue(bookOf(...ended), newValue("new"), wide, NOW);
    const kept = tokens.map(({ id }) => id);
    expect(kept.length).toBeGreaterThan(2);
    expect(kept.length).toBeLessThan(20);
    expect(kept).toEqual([...ended.slice(-(kept.length - 1)).map(({ id }) => id), idOf("new")]);
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
