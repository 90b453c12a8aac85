/** Tokens that nobody thought of. Whatever comes in: a verdict in words, the same on both paths, no echo. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { VerifyAlgorithm } from "../../src/verifier/algorithms.ts";
import { isVerifyError } from "../../src/verifier/index.ts";
import { REFUSALS } from "../../src/verifier/refusal.ts";
import {
  agreedVerdict,
  CHECKS_AT_ONCE,
  MADE_ALGORITHMS,
  sampleKey,
  sampleRsaKey,
  sign,
  verdictOf,
  verdictSyncOf,
  type Watched,
  warmVerifier,
} from "./sample-issuer.ts";

const KEYS = [
  sampleKey("ES256"),
  sampleKey("ES384"),
  sampleKey("ES512"),
  sampleRsaKey("RS256"),
  sampleRsaKey("PS256"),
  sampleKey("EdDSA"),
  ...(MADE_ALGORITHMS.includes("ML-DSA-44") ? [sampleKey("ML-DSA-44")] : []),
];

let watched: Watched;
beforeAll(async () => {
  watched = await warmVerifier(KEYS.map(({ jwk }) => jwk));
});

const verdict = (token: string) => agreedVerdict(watched.verifier, token);
/** By the faster way. */
const quickVerdict = async (token: string) =>
  CHECKS_AT_ONCE ? verdictSyncOf(watched.verifier, token) : verdictOf(watched.verifier, token);

function signingInputOf(token: string): string {
  return token.slice(0, token.lastIndexOf("."));
}

describe.each(["ES256", "RS256", "EdDSA"] satisfies VerifyAlgorithm[])("a token of %s", (alg) => {
  const key = KEYS.find((one) => one.alg === alg) as (typeof KEYS)[number];
  const token = sign(key);
  const characters = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
    },
    { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 1 }) },
  );
  const changes = fc.oneof(
    characters.map((character) => (at: number) => token.slice(0, at) + character + token.slice(at + 1)),
    characters.map((character) => (at: number) => token.slice(0, at) + character + token.slice(at)),
    fc.constant((at: number) => token.slice(0, at) + token.slice(at + 1)),
    fc.constant((at: number) => token.slice(0, at) + (token[at + 1] ?? "") + token[at] + token.slice(at + 2)),
    fc.constant((at: number) => token.slice(0, at)),
    fc.constant((at: number) => token.slice(at)),
  );

  it("is refused after any change of one character", async () => {
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(token.length - 1), async (change, at) => {
        const changed = change(at);
        if (changed === token) return;
        const given = await verdict(changed);
        // Another signature over the same words would be honest; none is found by chance.
        if (signingInputOf(changed) !== signingInputOf(token)) expect(given).not.toBe("accepted");
        else expect(["signature_invalid", "token_malformed"]).toContain(given);
      }),
      { numRuns: 1500 },
    );
    expect(await verdict(token)).toBe("accepted");
  });

  // Not by chance: each place, each bit.
  it("is refused with any one bit of it flipped", async () => {
    const accepted: string[] = [];
    for (let at = 0; at < token.length; at++)
      for (let bit = 0; bit < 7; bit++) {
        const flipped = String.fromCharCode(token.charCodeAt(at) ^ (1 << bit));
        const changed = token.slice(0, at) + flipped + token.slice(at + 1);
        if ((await quickVerdict(changed)) === "accepted") accepted.push(`${at}/${bit}`);
      }
    expect(accepted).toEqual([]);
  });
});

describe.each(KEYS)("a signature of any length and content, under $alg", (key) => {
  it("is refused, and never an error of another kind", async () => {
    const input = signingInputOf(sign(key));
    const honest = sign(key).length - input.length;
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 2400, maxLength: 2440 }),
      fc.nat(honest).map((length) => new Uint8Array(length)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (random) => {
        expect(await verdict(`${input}.${Buffer.from(random).toString("base64url")}`)).toBe(
          "signature_invalid",
        );
      }),
      { numRuns: 200 },
    );
  });
});

/** Every text that an error shows, to whoever logs it, prints it or sends it on as JSON. */
function textsOf(error: Error & { fix?: unknown }): string {
  const { message, stack, cause, fix } = error;
  const members: unknown = JSON.parse(JSON.stringify([error, Object.values(error)]));
  const leaves = (value: unknown): unknown[] =>
    typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [value];
  // Where it was thrown is not of the token's making, and long enough to hold any word by chance.
  const told = stack?.replaceAll(/^ {4}at .*\n?/gm, "");
  return [message, told, cause, fix, String(error), ...leaves(members)].join("\n");
}

describe("an arbitrary text", () => {
  const words = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.string({ unit: "grapheme", maxLength: 200 }),
    fc.array(fc.base64String({ maxLength: 60 }), { maxLength: 5 }).map((parts) => parts.join(".")),
    fc
      .tuple(fc.json(), fc.json(), fc.uint8Array({ maxLength: 80 }))
      .map((parts) => parts.map((part) => Buffer.from(part as string).toString("base64url")).join(".")),
    fc
      .tuple(
        fc.constantFrom(...KEYS),
        fc.string({ minLength: 8, maxLength: 60 }),
        fc.string({ minLength: 8 }),
      )
      .map(([key, kid, sub]) => sign(key, { kid }, { sub, exp: 1 })),
  );

  /** Also what the token says, once it is decoded. */
  function secretsOf(token: string): string[] {
    const decoded = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
    return [token, ...decoded].flatMap((text) =>
      Array.from({ length: Math.max(0, text.length - 7) }, (_, at) => text.slice(at, at + 8)),
    );
  }

  it("is refused for a reason that is known, and comes back in no part of the error", async () => {
    await fc.assert(
      fc.asyncProperty(words, async (text) => {
        const error: unknown = await watched.verifier.verify(text).catch((thrown: unknown) => thrown);
        if (!isVerifyError(error)) throw new Error("Not a refusal.", { cause: error });
        expect(Object.keys(REFUSALS)).toContain(error.reason);
        if (CHECKS_AT_ONCE) expect(verdictSyncOf(watched.verifier, text)).toBe(error.reason);
        const texts = textsOf(error);
        expect(secretsOf(text).filter((secret) => texts.includes(secret))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
