/** Attacks that take more than one token: on caches, budgets, clocks, and one issuer by way of another. */
import { describe, expect, it } from "vitest";
import { createVerifier, type Verifier } from "../../src/verifier/index.ts";
import { manualClock } from "../manager/manual-clock.ts";
import { ATTACKED_KEYS, publishedKeys } from "./attacks.ts";
import { mirrored } from "./curve-order.ts";
import {
  AUDIENCE,
  agreedVerdict,
  assemble,
  CHECKS_AT_ONCE,
  countingFetch,
  ISSUER,
  NOW,
  sampleKey,
  sign,
  signature,
  signingInput,
  verdictOf,
  verdictSyncOf,
  type WatchedOptions,
  warmVerifier,
} from "./sample-issuer.ts";

const { es256, attacker, rs256 } = ATTACKED_KEYS;

/** At once, where this runtime can. */
const again = (verifier: Verifier, token: string) =>
  CHECKS_AT_ONCE ? verifier.verifySync(token) : verifier.verify(token);
const warm = (options: WatchedOptions = {}) => warmVerifier(publishedKeys(), options);

describe("two issuers that use one kid (A9)", () => {
  const OTHER = "https://other.example";
  const own = sampleKey("ES256", "shared", "one issuer");
  const others = sampleKey("ES256", "shared", "another issuer");

  async function both() {
    const [first, second] = [countingFetch([own.jwk]), countingFetch([others.jwk])];
    const verifier = createVerifier({
      issuers: [
        { issuer: ISSUER, audience: AUDIENCE, jwksUrl: `${ISSUER}/jwks.json` },
        { issuer: OTHER, audience: AUDIENCE, jwksUrl: `${OTHER}/jwks.json` },
      ],
      fetch: (url, init) => (String(url).startsWith(OTHER) ? second : first).fetch(url, init),
      clock: manualClock(NOW),
    });
    await verifier.warm();
    return verifier;
  }

  it("each vouch for their own tokens, and neither for the other's", async () => {
    const verifier = await both();
    const verdicts = [
      [sign(own), "accepted"],
      [sign(others, {}, { iss: OTHER }), "accepted"],
      [sign(own, {}, { iss: OTHER }), "signature_invalid"],
      [sign(others), "signature_invalid"],
      [sign(own, {}, { iss: `${OTHER}/` }), "issuer_refused"],
      [sign(own, {}, { iss: undefined }), "issuer_refused"],
    ] as const;
    for (const [token, verdict] of [...verdicts, ...verdicts]) {
      expect(await agreedVerdict(verifier, token)).toBe(verdict);
    }
  });

  it("are revoked one by one", async () => {
    const verifier = await both();
    const tokens = [sign(own), sign(others, {}, { iss: OTHER })];
    for (const token of tokens) await verifier.verify(token);
    verifier.revoke("shared", { issuer: OTHER });
    expect(tokens.map((token) => verdictSyncOf(verifier, token))).toEqual(["accepted", "kid_revoked"]);
  });
});

describe("kids that nobody has (A10, A11, A36)", () => {
  it("a thousand of them cost two requests, and one more each half minute", async () => {
    const { verifier, endpoint, clock } = await warm();
    const flood = async (from: number) => {
      for (let count = from; count < from + 1000; count++)
        expect(await verdictOf(verifier, sign(es256, { kid: `nobody-${count}` }))).toBe("kid_unknown");
    };
    await flood(0);
    expect(endpoint.count).toBe(2);
    clock.advance(30);
    await flood(1000);
    expect(endpoint.count).toBe(3);
    expect(await verdictOf(verifier, sign(es256))).toBe("accepted");
  });

  it("all at once they cost no more, and good tokens among them do not wait for it", async () => {
    const { verifier, endpoint } = await warm();
    const verdicts = await Promise.all(
      Array.from({ length: 500 }, (_, count) =>
        verdictOf(verifier, count % 2 === 0 ? sign(es256, { kid: `nobody-${count}` }) : sign(es256)),
      ),
    );
    expect(new Set(verdicts.filter((_, count) => count % 2 === 0))).toEqual(new Set(["kid_unknown"]));
    expect(new Set(verdicts.filter((_, count) => count % 2 === 1))).toEqual(new Set(["accepted"]));
    expect(endpoint.count).toBeLessThanOrEqual(2);
  });

  it("leave the known keys in use while the endpoint is down", async () => {
    const endpoint = countingFetch(publishedKeys());
    let isDown = false;
    const { verifier } = await warm({
      fetch: async (url, init) => {
        if (isDown) throw new TypeError("fetch failed");
        return endpoint.fetch(url, init);
      },
    });
    isDown = true;
    for (const kid of ["a", "b", "c"])
      expect(await verdictOf(verifier, sign(es256, { kid }))).toBe("keys_expired");
    for (const key of [es256, rs256]) expect(await verdictOf(verifier, sign(key))).toBe("accepted");
  });

  it("leave no trace in what is counted, whatever they, and their issuers, are called", async () => {
    const { verifier } = await warm();
    const before = Object.keys(verifier.stats().kids);
    for (let count = 0; count < 300; count++) {
      await verdictOf(verifier, sign(attacker, { kid: `nobody-${count}`, alg: "ES256" }));
      await verdictOf(verifier, sign(attacker, {}, { iss: `https://${count}.example` }));
      await verdictOf(verifier, sign(attacker, { alg: `ES${count}` }));
    }
    const { kids, refused, fetches } = verifier.stats();
    expect(Object.keys(kids)).toEqual(before);
    expect(refused).toEqual({ kid_unknown: 300, signature_invalid: 301, alg_refused: 299 });
    expect(Object.keys(fetches)).toEqual(["set"]);
  });
});

describe("a token that was verified before (A35, A41)", () => {
  it("does not vouch for one with its signature and other claims", async () => {
    const { verifier } = await warm();
    const honest = sign(es256);
    await verifier.verify(honest);
    const bytes = honest.slice(honest.lastIndexOf("."));
    const changed = signingInput(es256, {}, { sub: "admin" }) + bytes;
    for (const token of [changed, changed]) {
      expect(await verdictOf(verifier, token)).toBe("signature_invalid");
      if (CHECKS_AT_ONCE) expect(verdictSyncOf(verifier, token)).toBe("signature_invalid");
    }
    expect(verifier.verifySync(honest).claims.sub).toBe("user-1");
  });

  it("cannot be changed by who is given it, for who is given it next", async () => {
    const { verifier } = await warm();
    const token = sign(es256, {}, { roles: ["reader"] });
    const given = await verifier.verify(token);
    expect(() => Object.assign(given, { kid: "x" })).toThrow(TypeError);
    expect(() => Object.assign(given.claims, { sub: "admin" })).toThrow(TypeError);
    expect(() => (given.claims["roles"] as string[]).push("admin")).toThrow(TypeError);
    expect(verifier.verifySync(token).claims).toMatchObject({ sub: "user-1", roles: ["reader"] });
  });

  it("is refused once its key is revoked, or taken back", async () => {
    const { verifier, endpoint, clock } = await warm();
    const tokens = [sign(es256), sign(rs256)];
    for (const token of tokens) await verifier.verify(token);
    verifier.revoke("es256");
    expect(tokens.map((token) => verdictSyncOf(verifier, token))).toEqual(["kid_revoked", "accepted"]);
    endpoint.keys = [es256.jwk];
    clock.advance(601);
    expect(await Promise.all(tokens.map((token) => verdictOf(verifier, token)))).toEqual([
      "kid_revoked",
      "kid_unknown",
    ]);
  });

  it("does not suffer from a forged one of the same jti", async () => {
    const { verifier } = await warm();
    expect(await verdictOf(verifier, sign(attacker, {}, { jti: "once" }))).toBe("signature_invalid");
    expect(await verdictOf(verifier, sign(es256, {}, { jti: "once" }))).toBe("accepted");
  });
});

describe("the other signature for the same words, (r, n - s) (A20)", () => {
  it.each([{}, false] as const)(
    "is as valid, says the same, and is taken for itself, tokenCache %j",
    async (tokenCache) => {
      const { verifier } = await warm({ tokenCache });
      for (const key of [es256, ATTACKED_KEYS.es384, ATTACKED_KEYS.es512]) {
        const bytes = signature(key, signingInput(key));
        const honest = assemble(key, {}, {}, bytes);
        const other = assemble(key, {}, {}, mirrored(key.alg as "ES256", bytes));
        expect(other).not.toBe(honest);
        const results = [
          await verifier.verify(honest),
          await verifier.verify(other),
          await again(verifier, other),
        ];
        for (const result of results) expect(result).toEqual(results[0]);
      }
      expect(verifier.stats().cached).toBe(tokenCache === false ? 0 : 3);
    },
  );
});

describe("clocks (A39)", () => {
  it("a token ends by the wall clock, also when it was verified before", async () => {
    const { verifier, clock } = await warm();
    const token = sign(es256, {}, { exp: NOW + 100 });
    clock.advance(129);
    expect(await agreedVerdict(verifier, token)).toBe("accepted");
    clock.advance(1);
    expect(await agreedVerdict(verifier, token)).toBe("expired");
  });

  it("a clock that is set back makes a verified token one of the future, and revives no expired one", async () => {
    const { verifier, clock } = await warm();
    const [token, ended] = [sign(es256), sign(es256, {}, { iat: undefined, exp: NOW - 1000 })];
    await verifier.verify(token);
    expect(await verdictOf(verifier, ended)).toBe("expired");
    clock.wall -= 31;
    expect(await agreedVerdict(verifier, token)).toBe("issued_in_future");
    clock.wall += 31;
    expect(await verdictOf(verifier, token)).toBe("accepted");
  });

  it("keys grow old though the wall clock is set back", async () => {
    const { verifier, endpoint, clock } = await warm();
    endpoint.keys = [];
    clock.sinceBoot += 601;
    clock.wall -= 10;
    expect(await verdictOf(verifier, sign(es256))).toBe("kid_unknown");
  });

  it("keys grow old by the wall clock where the other one stood still, as while a machine sleeps", async () => {
    const { verifier, endpoint, clock } = await warm();
    endpoint.keys = [];
    clock.wall += 601;
    expect(await verdictOf(verifier, sign(es256))).toBe("kid_unknown");
  });
});

describe("every way to the same token (A40)", () => {
  const { attacker: _, ...honest } = ATTACKED_KEYS;

  it.each(Object.values(honest))("leads to the same result: $kid", async (key) => {
    const token = sign(key, { typ: "at+jwt" }, { x: [{ y: "é" }] });
    const [cached, uncached] = [await warm(), await warm({ tokenCache: false })];
    const results = [
      await cached.verifier.verify(token),
      await cached.verifier.verify(token),
      await again(cached.verifier, token),
      await again(uncached.verifier, token),
      await uncached.verifier.verify(token),
    ];
    for (const result of results) expect(result).toEqual(results[0]);
    expect(results[0]).toMatchObject({ kid: key.kid, header: { alg: key.alg, typ: "at+jwt" } });
    expect([cached.verifier.stats().cached, uncached.verifier.stats().cached]).toEqual([2, 0]);
  });
});

describe("patterns in the place of names (A34)", () => {
  it.each([
    ["issuer", { issuer: /.*/ }],
    ["audience", { audience: /.*/ }],
    ["audience", { audience: [/.*/] }],
    ["audience", { audience: [] }],
    ["issuer", { issuer: "" }],
    ["typ", { typ: [/.*/] }],
    ["typ", { typ: [] }],
    ["algorithms", { algorithms: ["HS256"] }],
    ["algorithms", { algorithms: ["none"] }],
    ["algorithms", { algorithms: [] }],
  ])("are no option: %s, %o", (at, options) => {
    const wrong = { issuer: ISSUER, audience: AUDIENCE, jwksUrl: `${ISSUER}/jwks.json`, ...options };
    expect(() => createVerifier(wrong as Parameters<typeof createVerifier>[0])).toThrow(
      expect.objectContaining({ code: "config_invalid", problems: [expect.objectContaining({ at })] }),
    );
  });
});
