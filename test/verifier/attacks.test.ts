import { describe, expect, it } from "vitest";
import { isVerifyError, type VerifyError } from "../../src/verifier/index.ts";
import { REFUSALS } from "../../src/verifier/refusal.ts";
import { ATTACKED_KEYS, ATTACKS, publishedKeys } from "./attacks.ts";
import { numberOf, rawPair } from "./curve-order.ts";
import { pkcs1, rawSignature, resigned } from "./raw-rsa.ts";
import {
  agreedVerdict,
  assemble,
  CHECKS_AT_ONCE,
  sign,
  signature,
  signingInput,
  verdictOf,
  warmVerifier,
} from "./sample-issuer.ts";

async function errorOf(work: () => unknown): Promise<VerifyError> {
  const error: unknown = await Promise.resolve()
    .then(work)
    .catch((thrown: unknown) => thrown);
  if (isVerifyError(error)) return error;
  throw new Error("It was not refused, or not in words.", { cause: error });
}

describe("an attack is refused in the same words on both paths, and the issuer is left alone", () => {
  it.each(ATTACKS)("$id $name", async (attack) => {
    const { verifier, endpoint } = await warmVerifier(publishedKeys(attack), attack.options);
    const token = await attack.token(ATTACKED_KEYS);

    const errors = [await errorOf(() => verifier.verify(token))];
    if (CHECKS_AT_ONCE) errors.push(await errorOf(() => verifier.verifySync(token)));
    expect(endpoint.count).toBe(attack.fetches ?? 0);

    for (const error of errors) {
      const [what, fix] = REFUSALS[attack.reason];
      expect(error.reason).toBe(attack.reason);
      expect(error).toMatchObject({
        status: 401,
        code: "token_invalid",
        message: `${what}.`,
        fix: `${fix}.`,
      });
      expect(error.cause).toBeUndefined();
    }
  });
});

describe("all attacks together", () => {
  const plain = ATTACKS.filter(({ options, jwks }) => options === undefined && jwks === undefined);

  it("leave a verifier as it was: the next good token is accepted, the issuer was asked twice", async () => {
    const { verifier, endpoint } = await warmVerifier(publishedKeys());
    const before = sign(ATTACKED_KEYS.es256);
    await verifier.verify(before);
    for (const attack of plain) {
      const token = await attack.token(ATTACKED_KEYS);
      expect([attack.name, await agreedVerdict(verifier, token)]).toEqual([attack.name, attack.reason]);
    }
    for (const { kid } of [ATTACKED_KEYS.rs256, ATTACKED_KEYS.eddsa, ATTACKED_KEYS.es256]) {
      const key = Object.values(ATTACKED_KEYS).find((one) => one.kid === kid);
      expect(await verdictOf(verifier, sign(key))).toBe("accepted");
    }
    expect((await verifier.verify(before)).claims.sub).toBe("user-1");
    // What anyone can ask for at once with kids that nobody has.
    expect(endpoint.count).toBe(2);
    expect(verifier.stats()).toMatchObject({ verified: 5, cached: 1 });
  });

  it("can all come at once", async () => {
    const { verifier, endpoint } = await warmVerifier(publishedKeys());
    const tokens = await Promise.all(plain.map(({ token }) => token(ATTACKED_KEYS)));
    const verdicts = await Promise.all(tokens.map((token) => verdictOf(verifier, token)));
    expect(verdicts).toEqual(plain.map(({ reason }) => reason));
    expect(endpoint.count).toBeLessThanOrEqual(2);
  });

  it("count by reason, and under no kid but those of the JWKS", async () => {
    const { verifier } = await warmVerifier(publishedKeys());
    for (const { token } of plain) await verdictOf(verifier, await token(ATTACKED_KEYS));
    const { refused, kids, verified } = verifier.stats();
    const expected: Record<string, number> = {};
    for (const { reason } of plain) expected[reason] = (expected[reason] ?? 0) + 1;
    expect(refused).toEqual(expected);
    expect(verified).toBe(0);
    const { attacker: _, ...published } = ATTACKED_KEYS;
    expect(Object.keys(kids).sort()).toEqual(
      Object.values(published)
        .map(({ kid }) => kid)
        .sort(),
    );
  });
});

it("has attacks of every kind that a token alone can carry", () => {
  const kinds = new Set(ATTACKS.map(({ id }) => id));
  const elsewhere = [9, 10, 11, 15, 34, 36, 37, 39, 40].map((number) => `A${number}`);
  const all = Array.from({ length: 41 }, (_, index) => `A${index + 1}`);
  expect(all.filter((id) => !kinds.has(id as "A1"))).toEqual(elsewhere);
  // A name is what a failure is found by.
  expect(new Set(ATTACKS.map(({ id, name }) => `${id} ${name}`)).size).toBe(ATTACKS.length);
});

// Else a forgery might be refused because it was badly made.
it("is made with tools that make an honest signature where nothing is to be wrong", async () => {
  const { es256, rs256, ps256 } = ATTACKED_KEYS;
  const { verifier } = await warmVerifier(publishedKeys());
  const honest = signature(es256, signingInput(es256));
  const pair = rawPair("ES256", numberOf(honest.subarray(0, 32)), numberOf(honest.subarray(32)));
  const tokens = [
    assemble(es256, {}, {}, pair),
    assemble(rs256, {}, {}, rawSignature(rs256, pkcs1(signingInput(rs256)))),
    assemble(
      ps256,
      {},
      {},
      resigned(ps256, signingInput(ps256), (encoded) => encoded),
    ),
  ];
  for (const token of tokens) expect(await verdictOf(verifier, token)).toBe("accepted");
});
