import { hkdfSync } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { isKeyturnError, type KeyturnError } from "../../src/errors.ts";
import { EXAMPLE_KEK, generateKek, parseKek } from "../../src/keys/kek.ts";
import { KEK_TEXT, kek, otherKek } from "./sample-key.ts";

async function refusalOf(text: string): Promise<KeyturnError> {
  const error = await parseKek(text).then(
    () => undefined,
    (refusal: unknown) => refusal,
  );
  if (isKeyturnError(error, "kek_invalid")) return error;
  throw new Error("The KEK was taken.", { cause: error });
}

function encoded(bytes: (i: number) => number): string {
  return Buffer.from(Array.from({ length: 32 }, (_, i) => bytes(i))).toString("base64url");
}

describe("a generated KEK", () => {
  it("is 43 characters of base64url, another one each time, and is taken", async () => {
    const texts = Array.from({ length: 50 }, generateKek);
    expect(new Set(texts).size).toBe(50);
    for (const text of texts) {
      expect(text).toMatch(/^[A-Za-z0-9_-]{43}$/);
      await parseKek(text);
    }
  });
});

describe("a KEK", () => {
  it("may have white space around it, as files do", async () => {
    for (const text of [`${KEK_TEXT}\n`, `${KEK_TEXT}\r\n`, `  ${KEK_TEXT}\t`]) {
      expect((await parseKek(text)).id).toBe(kek.id);
    }
  });

  it("has an id that follows from it and says nothing about it", async () => {
    const derived = hkdfSync("sha256", Buffer.from(KEK_TEXT, "base64url"), "", "keyturn 1 id", 12);
    expect(kek.id).toBe(Buffer.from(derived).toString("base64url"));
    expect(otherKek.id).not.toBe(kek.id);
  });

  it("cannot be exported from memory", async () => {
    for (const key of [kek.sealing, kek.authenticating]) {
      expect(key.extractable).toBe(false);
      await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
      await expect(crypto.subtle.exportKey("jwk", key)).rejects.toThrow();
    }
  });

  it("cannot be read out of what its object shows", () => {
    const shown = `${inspect(kek, { depth: 9, showHidden: true })} ${JSON.stringify(kek)}`;
    const bytes = Buffer.from(KEK_TEXT, "base64url");
    for (const form of [KEK_TEXT, bytes.toString("hex"), bytes.toString("base64")]) {
      expect(shown).not.toContain(form);
    }
  });

  it("can do its two works and no other", () => {
    expect(kek.sealing).toMatchObject({ algorithm: { name: "AES-KW", length: 256 } });
    expect([...kek.sealing.usages].sort()).toEqual(["unwrapKey", "wrapKey"]);
    expect(kek.authenticating).toMatchObject({ algorithm: { name: "HMAC", hash: { name: "SHA-256" } } });
    expect([...kek.authenticating.usages].sort()).toEqual(["sign", "verify"]);
  });
});

describe("no KEK is", () => {
  const bytes = Buffer.from(KEK_TEXT, "base64url");

  it.each<[string, string]>([
    ["nothing", ""],
    ["white space", "   \n"],
    ["a character short", KEK_TEXT.slice(1)],
    ["a character long", `${KEK_TEXT}A`],
    ["padded", `${KEK_TEXT}=`],
    ["plain base64", `${KEK_TEXT.slice(0, 20)}+/${KEK_TEXT.slice(22)}`],
    ["hexadecimal", bytes.toString("hex")],
    ["24 bytes", bytes.subarray(0, 24).toString("base64url")],
    ["33 bytes", Buffer.concat([bytes, bytes.subarray(0, 1)]).toString("base64url")],
    ["a space inside", `${KEK_TEXT.slice(0, 20)} ${KEK_TEXT.slice(21)}`],
    ["a line break inside", `${KEK_TEXT.slice(0, 20)}\n${KEK_TEXT.slice(20)}`],
    ["quoted", `"${KEK_TEXT}"`],
    ["with its name", `KEYTURN_KEK=${KEK_TEXT}`],
    ["of look-alike letters", `${KEK_TEXT.slice(0, 42)}\u0410`],
  ])("%s: not 43 characters of base64url", async (_, text) => {
    expect((await refusalOf(text)).message).toContain("it is not 43 characters of base64url");
  });

  it.each<[string, string]>([
    ["zeros", encoded(() => 0)],
    ["ones", encoded(() => 0xff)],
    ["two bytes in turn", encoded((i) => [0xde, 0xad][i % 2] as number)],
    ["half a key twice", encoded((i) => (i % 15) * 17)],
  ])("%s: follow a pattern", async (_, text) => {
    expect((await refusalOf(text)).message).toContain("follow a pattern");
  });

  it("the published example, in whatever spelling, unless asked for", async () => {
    const last = EXAMPLE_KEK.at(-1) as string;
    expect(last).toBe("U");
    expect((await refusalOf(EXAMPLE_KEK)).message).toContain("the published example");
    expect((await refusalOf(` ${EXAMPLE_KEK}\n`)).message).toContain("the published example");
    for (const same of ["V", "W", "X"]) await refusalOf(EXAMPLE_KEK.slice(0, -1) + same);
    expect(await parseKek(EXAMPLE_KEK, { allowExample: true })).toHaveProperty("id");
  });

  it("a text whose last character says more than 32 bytes", async () => {
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".indexOf(
      KEK_TEXT.at(-1) as string,
    );
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const more of [1, 2, 3]) await refusalOf(KEK_TEXT.slice(0, -1) + alphabet[last + more]);
  });

  it("refused by repeating it", async () => {
    const nearly = `${KEK_TEXT.slice(0, 42)}*`;
    for (const text of [nearly, `${KEK_TEXT}=`, EXAMPLE_KEK, encoded((i) => i % 9)]) {
      const error = await refusalOf(text);
      const shown = `${error.message} ${error.fix} ${error.stack} ${inspect(error, { depth: 9 })}`;
      for (const part of [text, text.slice(0, 12), text.slice(-12)]) expect(shown).not.toContain(part);
    }
  });

  it("refused without saying how to make a good one", async () => {
    expect((await refusalOf("x")).fix).toMatch(/keyturn init|openssl rand 32/);
  });
});
