import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashOf, isTokenText, tokenText } from "../../src/api-tokens/token-text.ts";
import { randomApiTokenBytes } from "../../src/keys/random.ts";

const text = await tokenText(randomApiTokenBytes());

describe("the text of an API token", () => {
  it("is keyturn_, the bytes and a checksum that anyone can compute", async () => {
    const bytes = new Uint8Array(randomBytes(32));
    const secret = Buffer.from(bytes).toString("base64url");
    const checksum = createHash("sha256")
      .update(`keyturn API token ${secret}`)
      .digest("base64url")
      .slice(0, 6);
    expect(await tokenText(bytes)).toBe(`keyturn_${secret}${checksum}`);
  });

  it("is recognised for any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (bytes) => {
        const made = await tokenText(bytes);
        expect(made).toMatch(/^keyturn_[A-Za-z0-9_-]{49}$/);
        expect(await isTokenText(made)).toBe(true);
      }),
    );
  });

  it("is not recognised with any one character changed, left out, doubled or swapped", async () => {
    for (let at = 0; at < text.length; at++) {
      const [before, character, after] = [text.slice(0, at), text[at] as string, text.slice(at + 1)];
      const other = character === "A" ? "B" : "A";
      const swapped = `${before}${after[0] ?? ""}${character}${after.slice(1)}`;
      for (const wrong of [
        `${before}${other}${after}`,
        `${before}${after}`,
        `${before}${character}${text.slice(at)}`,
        swapped,
      ])
        if (wrong !== text) expect(await isTokenText(wrong), wrong).toBe(false);
    }
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["the prefix alone", "keyturn_"],
    ["a JWT", "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"],
    ["another case", text.toUpperCase()],
    ["white space before", ` ${text}`],
    ["a line feed after", `${text}\n`],
    ["a token without a checksum, as it was once", `keyturn_${randomBytes(32).toString("base64url")}`],
    ["a token and more", `${text}A`],
    ["as long as a body", "keyturn_".padEnd(16_384, "A")],
  ])("is not %s", async (_, presented) => {
    expect(await isTokenText(presented)).toBe(false);
  });
});

it("is kept as its SHA-256 alone", async () => {
  expect(await hashOf(text)).toBe(createHash("sha256").update(text).digest("base64url"));
});
