import { base64url, CompactEncrypt, decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { openJwk, sealJwk } from "../../src/keys/seal.ts";
import { kek, otherKek, privateMembersOf, RING, sampleKey } from "./sample-key.ts";

const { key, privateJwk } = await sampleKey("ES256");
const ENTRY = { ring: RING, kid: key.kid };
const SEALED = await sealJwk(privateJwk, ENTRY, kek);

function refused(opening: Promise<unknown>): Promise<void> {
  return expect(opening).rejects.toSatisfy((error) => isKeyturnError(error, "ring_tampered"));
}

describe("a sealed key", () => {
  it("opens to the key that it was", async () => {
    expect(await openJwk(SEALED, ENTRY, kek)).toEqual(privateJwk);
  });

  it("is an encrypted JWK bound to KEK, ring and kid, and to nothing else", () => {
    expect(decodeProtectedHeader(SEALED)).toEqual({
      alg: "A256KW",
      enc: "A256GCM",
      cty: "jwk+json",
      kid: kek.id,
      ring: RING,
      sealed_kid: key.kid,
    });
    expect(SEALED.split(".")).toHaveLength(5);
  });

  it("is another text each time: content key and nonce are never used twice", async () => {
    const parts = await Promise.all(
      Array.from({ length: 20 }, async () => (await sealJwk(privateJwk, ENTRY, kek)).split(".")),
    );
    for (const part of [1, 2, 3, 4]) expect(new Set(parts.map((text) => text[part])).size).toBe(20);
  });

  it("shows no private byte, however it is read", () => {
    const bytes = SEALED.split(".").map((part) => Buffer.from(part, "base64url"));
    for (const secret of privateMembersOf(privateJwk)) {
      expect(SEALED).not.toContain(secret);
      for (const part of bytes) {
        expect(part.includes(secret)).toBe(false);
        expect(part.includes(Buffer.from(secret, "base64url"))).toBe(false);
      }
    }
  });
});

describe("a sealed key does not open", () => {
  it("under another KEK", () => refused(openJwk(SEALED, ENTRY, otherKek)));

  it("as another key's: swapped between two kids", async () => {
    const other = await sampleKey("ES256", "other");
    await refused(openJwk(other.key.sealedJwk, ENTRY, kek));
    await refused(openJwk(SEALED, { ...ENTRY, kid: other.key.kid }, kek));
  });

  it("in another ring, even under the same KEK", () =>
    refused(openJwk(SEALED, { ...ENTRY, ring: "another" }, kek)));

  it("with a header that says otherwise", async () => {
    const [, ...rest] = SEALED.split(".");
    for (const change of [
      { ring: "another" },
      { sealed_kid: "k" },
      { kid: "k" },
      { cty: "x" },
      { enc: "A128GCM" },
      { alg: "dir" },
      { zip: "DEF" },
      { crit: ["x"] },
    ]) {
      const header = base64url.encode(JSON.stringify({ ...decodeProtectedHeader(SEALED), ...change }));
      await refused(openJwk([header, ...rest].join("."), { ...ENTRY, ...change }, kek));
    }
  });

  it("when it names the right entry but was sealed in another way", async () => {
    const header = { kid: kek.id, ring: RING, sealed_kid: key.kid };
    const text = new TextEncoder().encode(JSON.stringify(privateJwk));
    const direct = crypto.getRandomValues(new Uint8Array(32));
    const foreign = await new CompactEncrypt(text)
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", ...header })
      .encrypt(direct);
    const password = await new CompactEncrypt(text)
      .setProtectedHeader({ alg: "PBES2-HS256+A128KW", enc: "A256GCM", ...header })
      .encrypt(new TextEncoder().encode("password"));
    for (const sealed of [foreign, password]) await refused(openJwk(sealed, ENTRY, kek));
  });

  it("when whoever sealed it had the KEK but named another, or encrypted in another way", async () => {
    const header = { alg: "A256KW", enc: "A256GCM", kid: kek.id, ring: RING, sealed_kid: key.kid };
    const text = new TextEncoder().encode(JSON.stringify(privateJwk));
    const sealedAs = (change: object) =>
      new CompactEncrypt(text).setProtectedHeader({ ...header, ...change }).encrypt(kek.sealing);
    expect(await openJwk(await sealedAs({}), ENTRY, kek)).toEqual(privateJwk);
    for (const change of [
      { kid: otherKek.id },
      { kid: undefined },
      { enc: "A256CBC-HS512" },
      { enc: "A128GCM" },
    ]) {
      await refused(openJwk(await sealedAs(change), ENTRY, kek));
    }
  });

  it("with any character changed", async () => {
    for (let at = 0; at < SEALED.length; at++) {
      if (SEALED[at] === ".") continue;
      const flipped = SEALED.slice(0, at) + (SEALED[at] === "A" ? "B" : "A") + SEALED.slice(at + 1);
      // The last character of a part has bits that no byte uses; the document's MAC covers those.
      const sameBytes = samePartBytes(flipped);
      if (!sameBytes) await refused(openJwk(flipped, ENTRY, kek));
    }
  });

  it("cut off, extended or empty", async () => {
    const texts = ["", ".", "....", SEALED.slice(0, -5), `${SEALED}.`, `${SEALED}AAAA`, SEALED.slice(1), "x"];
    for (const text of texts) await refused(openJwk(text, ENTRY, kek));
  });
});

describe("the refusal of a sealed key", () => {
  it("names the kid and nothing private", async () => {
    const error: Error = await openJwk(SEALED, ENTRY, otherKek).catch((refusal) => refusal);
    const shown = `${error.message} ${error.stack}`;
    expect(shown).toContain(key.kid);
    for (const secret of [...privateMembersOf(privateJwk), SEALED]) expect(shown).not.toContain(secret);
  });
});

function samePartBytes(text: string): boolean {
  const bytes = (jwe: string) =>
    jwe
      .split(".")
      .slice(1)
      .map((part) => Buffer.from(part, "base64url").toString("hex"));
  return text.split(".")[0] === SEALED.split(".")[0] && bytes(text).join() === bytes(SEALED).join();
}
