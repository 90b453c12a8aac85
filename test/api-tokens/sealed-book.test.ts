import { createHmac, hkdfSync } from "node:crypto";
import canonicalize from "canonicalize";
import { describe, expect, it } from "vitest";
import { openBook, sealBook } from "../../src/api-tokens/sealed-book.ts";
import { successorText } from "../../src/api-tokens/successor-text.ts";
import { isTokenText } from "../../src/api-tokens/token-text.ts";
import { openRing, sealRing } from "../../src/keys/sealed-ring.ts";
import { KEK_TEXT, kek, otherKek, sampleRing } from "../keys/sample-key.ts";
import { codeOf } from "./opened.ts";
import { bookOf, idOf, NOW, sampleToken } from "./sample-token.ts";

const BOOK = bookOf(
  sampleToken("a", { successor: idOf("b"), overlapUntil: NOW + 600, lastUsedAt: NOW }),
  sampleToken("b", { scope: { audiences: ["orders"], claims: { tenant: "acme", tier: 1 } } }),
  sampleToken("c", { role: "security", revokedAt: NOW, revokedBecause: "laptop was stolen" }),
);
const { document: DOCUMENT } = await sealBook(BOOK, kek);

/** The document as someone leaves it who can write the store but has no KEK. */
function meddled(change: (document: Record<string, unknown> & { book: typeof BOOK }) => object): string {
  const document = JSON.parse(DOCUMENT);
  return `${JSON.stringify({ ...document, ...change(document) })}\n`;
}

describe("a sealed book", () => {
  it("opens to the book that it was, with any of the KEKs in use", async () => {
    expect(await openBook(DOCUMENT, [otherKek, kek], "ring")).toMatchObject({ book: BOOK, kek });
  });

  it("is authenticated by HMAC-SHA-256 over words of its own and its canonical JSON", () => {
    const { mac, ...rest } = JSON.parse(DOCUMENT);
    const key = hkdfSync("sha256", Buffer.from(KEK_TEXT, "base64url"), "", "keyturn 1 mac", 32);
    const text = `keyturn API tokens ${canonicalize(rest)}`;
    expect(mac).toBe(createHmac("sha256", Buffer.from(key)).update(text).digest("base64url"));
  });

  it("is no ring, nor is a ring a book", async () => {
    const { ring } = await sampleRing();
    expect(await codeOf(openBook(await sealRing(ring, kek), [kek], "ring"))).toBe("api_tokens_corrupt");
    expect(await codeOf(openRing(DOCUMENT, [kek]))).toBe("ring_schema_unknown");
  });
});

describe("a book under another KEK", () => {
  it("is refused, naming the id that is wanted and those that were given", async () => {
    await expect(openBook(DOCUMENT, [otherKek], "ring")).rejects.toMatchObject({
      code: "kek_mismatch",
      message: `The API tokens are kept under the KEK with id ${kek.id}; given: ${otherKek.id}.`,
    });
  });

  it("is refused when it only claims to be under ours", async () => {
    const { document } = await sealBook(BOOK, { ...otherKek, id: kek.id });
    expect(await codeOf(openBook(document, [kek], "ring"))).toBe("api_tokens_tampered");
  });
});

describe("a document that was written without the KEK never opens:", () => {
  it("with any character changed", async () => {
    const codes = new Set<string | undefined>();
    for (let at = 0; at < DOCUMENT.length; at++) {
      const other = DOCUMENT[at] === "1" ? "2" : "1";
      const code = await codeOf(
        openBook(DOCUMENT.slice(0, at) + other + DOCUMENT.slice(at + 1), [kek], "ring"),
      );
      if (code === undefined) throw new Error(`It opens with ${other} at ${at}.`);
      codes.add(code);
    }
    expect(codes).toEqual(new Set(["api_tokens_corrupt", "api_tokens_tampered", "kek_mismatch"]));
  });

  it.each<[string, (book: typeof BOOK) => Partial<typeof BOOK>]>([
    ["a token more", ({ tokens }) => ({ tokens: [...tokens, sampleToken("intruder")] })],
    [
      "another role",
      ({ tokens }) => ({
        tokens: tokens.map((token) => ({ ...token, role: "security" as const, scope: null })),
      }),
    ],
    ["a scope taken away", ({ tokens }) => ({ tokens: tokens.map((token) => ({ ...token, scope: null })) })],
    [
      "a revocation undone",
      ({ tokens }) => ({
        tokens: tokens.map((token) => ({ ...token, revokedAt: null, revokedBecause: null })),
      }),
    ],
    ["a higher generation", () => ({ generation: 9 })],
    ["another book's id", () => ({ id: "another" })],
    ["another ring's id", () => ({ ring: "another" })],
    ["another line", ({ tokens }) => ({ tokens: tokens.map((token) => ({ ...token, line: idOf("x") })) })],
    ["tokens in another order", ({ tokens }) => ({ tokens: tokens.toReversed() })],
  ])("%s", async (_, change) => {
    const document = meddled(({ book }) => ({ book: { ...book, ...change(book) } }));
    expect(await codeOf(openBook(document, [kek], "ring"))).toBe("api_tokens_tampered");
  });
});

describe("a document that keyturn would not have written is refused:", () => {
  const token = (change: object) => (document: { book: typeof BOOK }) => ({
    book: { ...document.book, tokens: [{ ...document.book.tokens[0], ...change }] },
  });
  it.each<[string, string]>([
    ["cut short", DOCUMENT.slice(0, -20)],
    ["without its line feed", DOCUMENT.trimEnd()],
    ["with white space", DOCUMENT.replace(",", ", ")],
    ["with a member twice", DOCUMENT.replace('{"schema":2', '{"schema":2,"schema":2')],
    ["with a member more", meddled(() => ({ more: 1 }))],
    ["of a newer form", meddled(() => ({ schema: 3 }))],
    ["with half a rotation", meddled(token({ overlapUntil: null }))],
    ["with half a revocation", meddled(token({ revokedAt: NOW }))],
    ["with an instant in milliseconds", meddled(token({ createdAt: NOW * 1000 }))],
    [
      "with two tokens of one id",
      meddled(({ book }) => ({ book: { ...book, tokens: [book.tokens[1], book.tokens[1]] } })),
    ],
    ["nothing", ""],
    ["null", "null\n"],
  ])("%s", async (_, document) => {
    expect(await codeOf(openBook(document, [kek], "ring"))).toBe("api_tokens_corrupt");
  });

  it("and is not written either", async () => {
    const broken = bookOf(sampleToken("a", { createdAt: 12 }));
    expect(await codeOf(sealBook(broken, kek))).toBe("internal");
  });
});

describe("the value of a successor", () => {
  const of = (book = "book", from = "a", to = "b", by = kek) =>
    successorText(by, book, sampleToken(from), idOf(to));

  it("is a token, the same each time", async () => {
    expect(await isTokenText(await of())).toBe(true);
    expect(await of()).toBe(await of());
  });

  it("is another one for another book, predecessor, successor or KEK", async () => {
    const texts = await Promise.all([
      of(),
      of("x"),
      of("book", "x"),
      of("book", "a", "x"),
      of("book", "a", "b", otherKek),
    ]);
    expect(new Set(texts).size).toBe(5);
  });
});
