/** What an issuer may publish by mistake, or by malice: what is bad is passed over, what is good still counts. */
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { VerifierEvent } from "../../src/verifier/index.ts";
import { pkcs1 } from "./raw-rsa.ts";
import { rocaKey } from "./roca-key.ts";
import {
  assemble,
  CHECKS_AT_ONCE,
  namedKey,
  type PublishedJwk,
  type SampleKey,
  sampleKey,
  sampleRsaKey,
  sign,
  signature,
  signingInput,
  verdictOf,
  verdictSyncOf,
  type Watched,
  warmVerifier,
} from "./sample-issuer.ts";

const FIRST = sampleKey("ES256", "first");
const LAST = sampleRsaKey("RS256", "last");

interface Observed extends Watched {
  readonly events: VerifierEvent[];
}

async function observed(
  keys: readonly unknown[],
  options: Parameters<typeof warmVerifier>[1] = {},
): Promise<Observed> {
  const events: VerifierEvent[] = [];
  const watched = await warmVerifier(keys, { onEvent: (event) => events.push(event), ...options });
  return { ...watched, events };
}

async function expectGoodTokens({ verifier }: Watched): Promise<void> {
  for (const key of [FIRST, LAST]) {
    expect(await verdictOf(verifier, sign(key))).toBe("accepted");
    if (CHECKS_AT_ONCE) expect(verdictSyncOf(verifier, sign(key))).toBe("accepted");
  }
}

const EVIL_EC = sampleKey("ES256", "evil");
const EVIL_RSA = sampleRsaKey("RS256", "evil", "evil");

const SHORT_RSA = namedKey("RS256", "evil", generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);

const privateJwk = (key: KeyObject) => key.export({ format: "jwk" }) as PublishedJwk;

/** The same point, a little off. */
function offCurve({ jwk }: SampleKey): PublishedJwk {
  const y = Buffer.from(jwk["y"] as string, "base64url");
  y[31] = (y[31] as number) ^ 1;
  return { ...jwk, y: y.toString("base64url") };
}

/** The base point of secp256k1 (SEC 2 section 2.4.1), which is nowhere on P-256. */
const onOtherCurve = {
  x: "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g",
  y: "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
};

/** Its holder signs tokens with it, as well as can be: so it must not be used at all. */
const BAD_KEYS: readonly [string, VerifierEvent["type"] | string, PublishedJwk, () => string][] = [
  [
    "that is private",
    "private_key_published",
    { ...privateJwk(EVIL_EC.privateKey), kid: "evil", alg: "ES256" },
    () => sign(EVIL_EC),
  ],
  [
    "that is private, RSA",
    "private_key_published",
    { ...privateJwk(EVIL_RSA.privateKey), kid: "evil", alg: "RS256" },
    () => sign(EVIL_RSA),
  ],
  [
    "that is a secret",
    "private_key_published",
    { kty: "oct", k: "c2VjcmV0", kid: "evil" },
    () => sign(EVIL_EC),
  ],
  ["off its curve", "not_importable", offCurve(EVIL_EC), () => sign(EVIL_EC)],
  ["of another curve", "not_importable", { ...EVIL_EC.jwk, ...onOtherCurve }, () => sign(EVIL_EC)],
  ["of 1024 bits", "weak", SHORT_RSA.jwk, () => sign(SHORT_RSA)],
  [
    "with exponent 1",
    "weak",
    { ...EVIL_RSA.jwk, e: "AQ" },
    () => assemble(EVIL_RSA, {}, {}, pkcs1(signingInput(EVIL_RSA))),
  ],
  ["for encryption", "not_for_signatures", { ...EVIL_EC.jwk, use: "enc" }, () => sign(EVIL_EC)],
  ["for signing alone", "not_for_signatures", { ...EVIL_EC.jwk, key_ops: ["sign"] }, () => sign(EVIL_EC)],
  ["for HMAC, as EC", "alg_not_accepted", { ...EVIL_EC.jwk, alg: "HS256" }, () => sign(EVIL_EC)],
  ["for another curve's algorithm", "alg_mismatch", { ...EVIL_EC.jwk, alg: "ES384" }, () => sign(EVIL_EC)],
  [
    "of ML-DSA with too few bytes",
    "not_importable",
    { kty: "AKP", alg: "ML-DSA-44", pub: "AAAA", kid: "evil" },
    () => sign(EVIL_EC),
  ],
];

describe("a key", () => {
  it.each(BAD_KEYS)(
    "%s does not verify what it signed, and the keys beside it are used",
    async (_, told, jwk, token) => {
      const watched = await observed([FIRST.jwk, jwk, LAST.jwk]);
      await expectGoodTokens(watched);
      expect(await verdictOf(watched.verifier, token())).toBe("kid_unknown");
      expect(watched.verifier.health().issuers[0]?.kids).toEqual(["first", "last"]);
      const event = watched.events.find(
        ({ type }) => type === "private_key_published" || type === "key_skipped",
      );
      expect([event?.type, (event as { because?: string }).because]).toContain(told);
      expect(event).toMatchObject({ kid: "evil" });
    },
  );

  it("of the broken generator does not verify what it signed", async () => {
    const roca = namedKey("RS256", "evil", rocaKey());
    const message = Buffer.from("signed as well as by any other key");
    expect(verify("sha256", message, createPublicKey(roca.privateKey), signature(roca, message))).toBe(true);
    const watched = await observed([FIRST.jwk, roca.jwk, LAST.jwk]);
    await expectGoodTokens(watched);
    expect(await verdictOf(watched.verifier, sign(roca))).toBe("kid_unknown");
    expect(watched.events).toContainEqual({
      issuer: "https://issuer.example",
      type: "key_skipped",
      kid: "evil",
      because: "weak",
    });
  });

  it("that is private is told of, and not shown", async () => {
    const secret = privateJwk(EVIL_EC.privateKey);
    const watched = await observed([{ ...secret, kid: `evil\n${"k".repeat(500)}` }, FIRST.jwk]);
    const told = JSON.stringify(watched.events);
    expect(told).toContain("private_key_published");
    expect(told).not.toContain(secret["d"]);
    expect(told).not.toMatch(/\\n|k{100}/);
  });

  it.each([null, "text", 1, true, [], {}, { kty: "EC" }, { kid: { a: 1 } }])(
    "that is %j is passed over",
    async (jwk) => {
      await expectGoodTokens(await observed([jwk, FIRST.jwk, jwk, LAST.jwk, jwk]));
    },
  );

  it("that comes back well again is used again", async () => {
    const watched = await observed([FIRST.jwk, { ...LAST.jwk, use: "enc" }]);
    expect(await verdictOf(watched.verifier, sign(LAST))).toBe("kid_unknown");
    watched.endpoint.keys = [FIRST.jwk, LAST.jwk];
    watched.clock.advance(601);
    await expectGoodTokens(watched);
  });
});

describe("one kid", () => {
  const twin = sampleKey("ES256", "first", "twin");

  it("of two keys with one algorithm names neither of them", async () => {
    const watched = await observed([FIRST.jwk, twin.jwk, LAST.jwk]);
    for (const key of [FIRST, twin]) expect(await verdictOf(watched.verifier, sign(key))).toBe("kid_unknown");
    expect(await verdictOf(watched.verifier, sign(LAST))).toBe("accepted");
    const told = watched.events.filter((event) => event.type === "key_skipped");
    expect(told.map(({ kid, because }) => [kid, because])).toEqual([
      ["first", "kid_ambiguous"],
      ["first", "kid_ambiguous"],
    ]);
  });

  it("of a good and a bad key names the good one", async () => {
    for (const bad of [
      { ...twin.jwk, use: "enc" },
      { ...twin.jwk, y: "AAAA" },
      { ...twin.jwk, alg: "HS256" },
    ])
      for (const keys of [
        [bad, FIRST.jwk, LAST.jwk],
        [LAST.jwk, FIRST.jwk, bad],
      ]) {
        const watched = await observed(keys);
        await expectGoodTokens(watched);
        expect(await verdictOf(watched.verifier, sign(twin))).toBe("signature_invalid");
      }
  });

  it("of the same key twice is no trouble", async () => {
    const watched = await observed([FIRST.jwk, { ...FIRST.jwk, use: "sig", x5t: "AA" }, LAST.jwk, FIRST.jwk]);
    await expectGoodTokens(watched);
    expect(watched.events.filter(({ type }) => type === "key_skipped")).toEqual([]);
  });

  it("of two keys with two algorithms names each by its own", async () => {
    const other = sampleRsaKey("RS256", "first");
    const watched = await observed([FIRST.jwk, other.jwk, LAST.jwk]);
    await expectGoodTokens(watched);
    expect(await verdictOf(watched.verifier, sign(other))).toBe("accepted");
    expect(await verdictOf(watched.verifier, sign(other, { alg: "ES256" }))).toBe("signature_invalid");
    expect(await verdictOf(watched.verifier, sign(FIRST, { alg: "RS256" }))).toBe("signature_invalid");
  });
});

describe("a list", () => {
  it("of no keys says that none is valid, and is no outage", async () => {
    const watched = await observed([]);
    expect(await verdictOf(watched.verifier, sign(FIRST))).toBe("kid_unknown");
    expect(watched.verifier.health()).toMatchObject({ status: "ok", issuers: [{ kids: [] }] });
  });

  it("that is emptied takes all keys back, also from tokens that were verified", async () => {
    const watched = await observed([FIRST.jwk, LAST.jwk]);
    const token = sign(FIRST, {}, { exp: watched.clock.now() + 9000 });
    expect(await verdictOf(watched.verifier, token)).toBe("accepted");
    watched.endpoint.keys = [];
    watched.clock.advance(601);
    expect(await verdictOf(watched.verifier, token)).toBe("kid_unknown");
    expect(verdictSyncOf(watched.verifier, token)).toBe("kid_unknown");
  });

  it("may have as many keys as maxKeys, and not one more", async () => {
    const others = Array.from({ length: 62 }, (_, index) => ({ ...FIRST.jwk, kid: `key-${index}` }));
    await expectGoodTokens(await observed([FIRST.jwk, ...others, LAST.jwk]));
    const over = await observed([FIRST.jwk, ...others, LAST.jwk, { kty: "unheard of" }]);
    expect(await verdictOf(over.verifier, sign(FIRST))).toBe("keys_not_loaded");
    expect(over.verifier.health()).toMatchObject({
      status: "down",
      issuers: [{ lastFailure: "not_a_jwks" }],
    });
    await expectGoodTokens(await observed([FIRST.jwk, LAST.jwk], { maxKeys: 2 }));
  });

  it("that grows too long changes nothing of what is known", async () => {
    const watched = await observed([FIRST.jwk, LAST.jwk], { maxKeys: 2 });
    watched.endpoint.keys = [FIRST.jwk, LAST.jwk, LAST.jwk];
    watched.clock.advance(900);
    const token = sign(FIRST, {}, { exp: watched.clock.now() + 60 });
    expect(await verdictOf(watched.verifier, token)).toBe("accepted");
    expect(watched.verifier.health().status).toBe("stale");
  });
});
