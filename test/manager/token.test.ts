import fc from "fast-check";
import { base64url, decodeJwt } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import type { KeyManager } from "../../src/manager/manager.ts";
import { CLAIMS_BYTES_MAX, type Claims } from "../../src/manager/token.ts";
import { codeOf, ISSUER, openAlone } from "./fleet.ts";
import { START } from "./manual-clock.ts";

let keys: KeyManager;
beforeAll(async () => {
  ({ keys } = await openAlone());
});

const signed = async (claims: unknown) => decodeJwt((await keys.sign(claims as Claims)).token);
const refusal = (claims: unknown) => codeOf(keys.sign(claims as Claims));

describe("claims", () => {
  it("are signed as given, after those that the signer sets", async () => {
    const claims = {
      sub: "user-1",
      aud: ["orders", "stock"],
      nbf: START - 5,
      scope: "read",
      nested: { a: [1, null] },
    };
    expect(await signed(claims)).toEqual({
      iss: ISSUER,
      iat: START,
      exp: START + 900,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...claims,
    });
  });

  it("may be empty", async () => {
    expect(Object.keys(await signed({}))).toEqual(["iss", "iat", "exp", "jti"]);
  });

  it("are not the claims object itself: a later change does not reach the token", async () => {
    const claims = { sub: "user-1" };
    const signing = keys.sign(claims);
    claims.sub = "admin";
    expect(decodeJwt((await signing).token).sub).toBe("user-1");
  });

  it("come out of the token as JSON would return them, whatever they are", async () => {
    const reserved = new Set(["iss", "iat", "exp", "jti", "sub", "aud", "nbf", "toJSON"]);
    const anyClaims = fc.dictionary(
      fc.string({ unit: "binary" }).filter((name) => !reserved.has(name)),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(anyClaims, async (claims) => {
        const [, payload = ""] = (await keys.sign(claims)).token.split(".");
        const { iss, iat, exp, jti, ...own } = JSON.parse(
          new TextDecoder().decode(base64url.decode(payload)),
        );
        expect({ iss, iat, exp }).toEqual({ iss: ISSUER, iat: START, exp: START + 900 });
        expect(jti).toBeTypeOf("string");
        expect(own).toEqual(JSON.parse(JSON.stringify(claims)));
      }),
      { numRuns: 200 },
    );
  });

  for (const name of ["iss", "iat", "exp", "jti"]) {
    it(`may not bring ${name}, which is the signer's`, async () => {
      for (const value of [START, "x", null, undefined])
        expect(await refusal({ [name]: value })).toBe("claims_invalid");
      expect(await refusal(Object.create({ [name]: "inherited" }))).toBe("claims_invalid");
    });
  }

  const notObjects: readonly [string, unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["a string", "sub"],
    ["a number", 7],
    ["a list", [{ sub: "user-1" }]],
    ["a function", () => ({})],
    ["a boxed string", new String('"admin":true')],
    ["a boxed number", new Number(7)],
    ["a boxed boolean", new Boolean(true)],
  ];
  for (const [what, claims] of notObjects) {
    it(`may not be ${what}`, async () => {
      expect(await refusal(claims)).toBe("claims_invalid");
    });
  }

  it("may not decide themselves what JSON shows of them", async () => {
    class Disguised {
      toJSON() {
        return { iss: "https://evil.example.com" };
      }
    }
    expect(await refusal(new Disguised())).toBe("claims_invalid");
    expect(await refusal({ toJSON: () => ({ exp: START * 2 }) })).toBe("claims_invalid");
    expect(await refusal(new Date())).toBe("claims_invalid");
    expect(await signed({ at: new Date(0) })).toMatchObject({ at: "1970-01-01T00:00:00.000Z" });
  });

  it("may not hold what JSON cannot say", async () => {
    const circular: Record<string, unknown> = { sub: "user-1" };
    circular["self"] = circular;
    expect(await refusal(circular)).toBe("claims_invalid");
    expect(await refusal({ balance: 1n })).toBe("claims_invalid");
  });
});

describe("registered claims", () => {
  const wrong: Record<string, readonly unknown[]> = {
    sub: [7, null, ["user-1"], {}],
    aud: [7, null, [], ["orders", 7], {}],
    nbf: ["1800000000", null, START + 0.5, Number.NaN, Number.POSITIVE_INFINITY, START + 900, START + 901],
  };
  for (const [name, values] of Object.entries(wrong)) {
    it(`refuses a wrong ${name}`, async () => {
      for (const value of values) expect(await refusal({ [name]: value })).toBe("claims_invalid");
    });
  }

  it("takes nbf up to the second before the expiry", async () => {
    expect(await signed({ nbf: START + 899 })).toMatchObject({ nbf: START + 899 });
    expect(await codeOf(keys.sign({ nbf: START + 60 }, { expiresInSeconds: 60 }))).toBe("claims_invalid");
  });

  it("takes one audience or several", async () => {
    expect(await signed({ aud: "orders" })).toMatchObject({ aud: "orders" });
    expect(await signed({ aud: ["orders"] })).toMatchObject({ aud: ["orders"] });
  });
});

describe("the lifetime", () => {
  it("is the policy's tokenSeconds unless less is asked for", async () => {
    expect((await keys.sign({})).expiresAt).toBe(START + 900);
    expect((await keys.sign({}, { expiresInSeconds: 900 })).expiresAt).toBe(START + 900);
    expect((await keys.sign({}, { expiresInSeconds: 1 })).expiresAt).toBe(START + 1);
  });

  it("is refused a second over tokenSeconds, with both durations", async () => {
    await expect(keys.sign({}, { expiresInSeconds: 901 })).rejects.toMatchObject({
      code: "lifetime_too_long",
      message: expect.stringMatching(/15m1s .* 15m\./),
    });
    expect(await codeOf(keys.sign({}, { expiresInSeconds: Number.MAX_SAFE_INTEGER }))).toBe(
      "lifetime_too_long",
    );
  });

  for (const seconds of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "900" as unknown as number]) {
    it(`is refused as ${JSON.stringify(seconds)} (${String(seconds)})`, async () => {
      expect(await codeOf(keys.sign({}, { expiresInSeconds: seconds }))).toBe("claims_invalid");
    });
  }
});

describe("the size limit", () => {
  const bytesOf = (claims: Claims) => new TextEncoder().encode(JSON.stringify(claims)).length;

  /** Claims whose JSON is exactly `bytes` long, mostly of `character`. */
  function claimsOf(bytes: number, character: string): Claims {
    const room = bytes - bytesOf({ x: "" });
    const each = new TextEncoder().encode(JSON.stringify(character)).length - 2;
    const claims = { x: character.repeat(Math.floor(room / each)) + "x".repeat(room % each) };
    expect(bytesOf(claims)).toBe(bytes);
    return claims;
  }

  for (const character of ["x", "é", "€", "🔑", '"', "\u0001", "\ud800"]) {
    it(`counts bytes of JSON, also of ${JSON.stringify(character)}`, async () => {
      const largest = claimsOf(CLAIMS_BYTES_MAX, character);
      expect(await signed(largest)).toMatchObject(JSON.parse(JSON.stringify(largest)));
      expect(await refusal(claimsOf(CLAIMS_BYTES_MAX + 1, character))).toBe("claims_too_large");
    });
  }

  it("is 8 KiB", () => {
    expect(CLAIMS_BYTES_MAX).toBe(8192);
  });
});
