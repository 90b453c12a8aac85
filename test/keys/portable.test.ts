import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, type JWK } from "jose";
import { describe, expect, it } from "vitest";
import { isSealed, openSealed, sealUnderPassphrase } from "../../src/keys/portable.ts";
import { sealJwk } from "../../src/keys/seal.ts";
import { kek, otherKek, privateMembersOf, RING, sampleKey } from "./sample-key.ts";

const { privateJwk } = await sampleKey("ES256");
const PASSPHRASE = "correct horse battery staple";
const SEALED = await sealUnderPassphrase({ ...privateJwk, kid: "k" }, PASSPHRASE);
const bytes = (text: string) => new TextEncoder().encode(text);
const opening = (passphrase: string | null, keks = [kek]) => ({ passphrase, keks: async () => keks });

describe("a key sealed under a passphrase", () => {
  it("is an encrypted JWK that any JOSE library opens", async () => {
    expect(isSealed(SEALED)).toBe(true);
    const { plaintext, protectedHeader } = await compactDecrypt(SEALED, bytes(PASSPHRASE), {
      keyManagementAlgorithms: ["PBES2-HS512+A256KW"],
      maxPBES2Count: 210_000,
    });
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual({ ...privateJwk, kid: "k" });
    expect(protectedHeader).toMatchObject({ enc: "A256GCM", cty: "jwk+json", p2c: 210_000 });
  });

  it("opens again with the passphrase, and with no other", async () => {
    expect(await openSealed(SEALED, opening(PASSPHRASE))).toEqual({ ...privateJwk, kid: "k" });
    for (const wrong of [`${PASSPHRASE} `, PASSPHRASE.toUpperCase(), "x".repeat(30)]) {
      await expect(openSealed(SEALED, opening(wrong))).rejects.toMatchObject({ code: "passphrase_invalid" });
    }
    await expect(openSealed(SEALED, opening(null))).rejects.toMatchObject({
      code: "passphrase_invalid",
      fix: expect.stringContaining("--passphrase-file"),
    });
  });

  it("shows no private member, nor the same bytes twice", async () => {
    for (const secret of privateMembersOf(privateJwk)) expect(SEALED).not.toContain(secret);
    const again = await sealUnderPassphrase({ ...privateJwk, kid: "k" }, PASSPHRASE);
    const header = decodeProtectedHeader(again) as { p2s?: string };
    expect(header.p2s).not.toBe((decodeProtectedHeader(SEALED) as { p2s?: string }).p2s);
  });

  it("is refused a passphrase of 19 characters, which is not said", async () => {
    const error = await sealUnderPassphrase(privateJwk, "0123456789abcdefghi").catch(
      (refusal: Error) => refusal,
    );
    expect(error).toMatchObject({ code: "passphrase_invalid" });
    expect(JSON.stringify(error)).not.toContain("0123456789");
    await sealUnderPassphrase(privateJwk, "0123456789abcdefghij");
  });

  it("does not make us work for hours", async () => {
    const [, ...rest] = SEALED.split(".");
    const header = { ...decodeProtectedHeader(SEALED), p2c: 2_000_000_000 };
    const greedy = [Buffer.from(JSON.stringify(header)).toString("base64url"), ...rest].join(".");
    await expect(openSealed(greedy, opening(PASSPHRASE))).rejects.toMatchObject({
      code: "passphrase_invalid",
    });
  });

  it("is refused when it holds something else", async () => {
    for (const plaintext of ["", "[]", "null", '"text"', "{"]) {
      const sealed = await new CompactEncrypt(bytes(plaintext))
        .setProtectedHeader({ alg: "PBES2-HS256+A128KW", enc: "A128GCM" })
        .setKeyManagementParameters({ p2c: 1000 })
        .encrypt(bytes(PASSPHRASE));
      await expect(openSealed(sealed, opening(PASSPHRASE)), plaintext).rejects.toMatchObject({
        code: "import_invalid",
      });
    }
    await expect(openSealed("a.b.c.d.e", opening(PASSPHRASE))).rejects.toMatchObject({
      code: "import_invalid",
    });
  });
});

describe("a key sealed under a KEK", () => {
  it("opens with that KEK, whichever of those configured it is", async () => {
    const sealed = await sealJwk({ ...privateJwk, kid: "k" } as JWK, { ring: RING, kid: "k" }, otherKek);
    expect(await openSealed(sealed, opening(null, [kek, otherKek]))).toEqual({ ...privateJwk, kid: "k" });
    await expect(openSealed(sealed, opening(PASSPHRASE))).rejects.toMatchObject({ code: "kek_mismatch" });
  });
});
