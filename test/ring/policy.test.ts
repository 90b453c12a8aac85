import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isKeyturnError, type KeyturnError } from "../../src/errors.ts";
import { DEFAULT_POLICY, parsePolicy, policyProblems, type RotationPolicy } from "../../src/ring/policy.ts";
import { soundPolicies } from "./sound-policy.ts";

const DURATIONS = [
  "rotateEverySeconds",
  "jwksCacheSeconds",
  "tokenSeconds",
  "skewSeconds",
  "refreshSeconds",
  "leaseSeconds",
  "fetchSeconds",
  "leewaySeconds",
  "overlapSeconds",
] as const;

function refusalOf(input: unknown): KeyturnError {
  try {
    parsePolicy(input);
  } catch (error) {
    if (isKeyturnError(error, "policy_invalid")) return error;
    throw error;
  }
  throw new Error("The policy was taken.");
}

/** The one problem of an input that has one. */
function problemOf(input: object) {
  const { problems } = refusalOf(input);
  expect(problems).toHaveLength(1);
  return problems[0] as (typeof problems)[number];
}

describe("a sound policy", () => {
  it("is what the defaults make when nothing is said", () => {
    expect(parsePolicy({})).toEqual(DEFAULT_POLICY);
  });

  it("keeps what is said and completes the rest", () => {
    expect(parsePolicy({ alg: "EdDSA", tokenSeconds: 60 })).toEqual({
      ...DEFAULT_POLICY,
      alg: "EdDSA",
      tokenSeconds: 60,
    });
  });

  it("takes a setting that is there but undefined as left out", () => {
    expect(parsePolicy({ tokenSeconds: undefined })).toEqual(DEFAULT_POLICY);
  });

  it("is refused by no bound, and comes back as it went in", () => {
    fc.assert(
      fc.property(soundPolicies, (policy) => {
        expect(parsePolicy(policy)).toEqual(policy);
      }),
    );
  });

  it("may set the overlap to exactly what the longer hold needs", () => {
    expect(parsePolicy({ tokenSeconds: 3600, overlapSeconds: 3810 }).overlapSeconds).toBe(3810);
  });

  it("may let a key emit for exactly one emit hold", () => {
    expect(parsePolicy({ rotateEverySeconds: 1200 }).rotateEverySeconds).toBe(1200);
  });
});

describe("a policy that would break a promise is refused with the sum:", () => {
  it("an overlap shorter than the retire hold needs", () => {
    expect(problemOf({ overlapSeconds: 1200, tokenSeconds: 3600 })).toEqual({
      code: "overlap_too_short",
      at: "overlapSeconds",
      message:
        "retire hold 20m < 63m30s = lease 2m + token 60m + leeway 30s + 2 × skew 30s. " +
        "Raise overlapSeconds, or leave it out: it then is twice the JWKS cache, and each hold as long as it must be.",
    });
  });

  it("an overlap shorter than the emit hold needs", () => {
    const { code, message } = problemOf({ overlapSeconds: 1199 });
    expect(code).toBe("overlap_too_short");
    expect(message).toContain(
      "emit hold 19m59s < 20m = refresh 30s + 2 × fetch 5s + max-age 8m50s + JWKS cache 10m + skew 30s. ",
    );
  });

  it("an overlap shorter than both, each with its own sum", () => {
    const { problems } = refusalOf({ overlapSeconds: 600 });
    expect(problems.map(({ code }) => code)).toEqual(["overlap_too_short", "overlap_too_short"]);
    expect(problems.map(({ message }) => message.split(" = ")[0])).toEqual([
      "emit hold 10m < 20m",
      "retire hold 10m < 18m30s",
    ]);
  });

  it("a JWKS cache of no more than twice the margin", () => {
    expect(problemOf({ jwksCacheSeconds: 140 })).toMatchObject({
      code: "cache_too_short",
      at: "jwksCacheSeconds",
      message: expect.stringContaining(
        "JWKS cache 2m20s ≤ 2 × margin 1m10s, where margin = refresh 30s + 2 × fetch 5s + skew 30s. Raise jwksCache",
      ),
    });
    expect(parsePolicy({ jwksCacheSeconds: 141 }).jwksCacheSeconds).toBe(141);
  });

  it("a key that would emit for less than its successor must be published", () => {
    expect(problemOf({ rotateEverySeconds: 1199 })).toMatchObject({
      code: "rotation_too_fast",
      at: "rotateEverySeconds",
      message:
        "a key would emit for 19m59s, but its successor must be published for 20m first. " +
        "Raise rotateEverySeconds to 1200 or more.",
    });
  });

  it("a lease shorter than the refresh", () => {
    expect(problemOf({ leaseSeconds: 29 })).toMatchObject({
      code: "lease_too_short",
      at: "leaseSeconds",
      message: expect.stringMatching(/^lease 29s < refresh 30s: .* Raise leaseSeconds to several times/),
    });
    expect(parsePolicy({ leaseSeconds: 30 }).leaseSeconds).toBe(30);
  });

  it("more published keys than a JWKS should have", () => {
    const { code, at, message } = problemOf({ rotateEverySeconds: 3600, tokenSeconds: 21_601 });
    expect([code, at]).toEqual(["jwks_too_large", "rotateEverySeconds"]);
    expect(message).toContain("up to 9 keys would be published at once (limit 8)");
    expect(message).toContain("lease 2m + token ");
    expect(message).toMatch(/Rotate less often or sign shorter tokens\.$/);
    expect(parsePolicy({ rotateEverySeconds: 3600, tokenSeconds: 6 * 3600 - 210 })).toBeDefined();
    const held = refusalOf({ rotateEverySeconds: 60 }).problems.at(-1)?.message;
    expect(held).toContain(
      "up to 22 keys would be published at once (limit 8): a retired key stays for 20m = overlap.",
    );
  });

  it("with numbers that differ when the durations do, however long they are", () => {
    const { message } = problemOf({ tokenSeconds: 4 * 3600, overlapSeconds: 4 * 3600 });
    expect(message).toContain("retire hold 4h < 4h3m30s = lease 2m + token 4h + ");
    const longer = problemOf({ tokenSeconds: 3 * 86_400, overlapSeconds: 3 * 86_400 });
    expect(longer.message).toContain("retire hold 3d < 3d3m30s = ");
    const barely = problemOf({ tokenSeconds: 14_200, overlapSeconds: 14_400 });
    expect(barely.message).toContain("retire hold 4h < 4h10s = ");
  });
});

describe("a setting that makes no sense is refused:", () => {
  it("one that does not exist, with the nearest that does", () => {
    expect(problemOf({ overlpaSeconds: 1200 })).toEqual({
      code: "unknown_setting",
      at: "overlpaSeconds",
      message: 'There is no "overlpaSeconds" here. Did you mean "overlapSeconds"?',
    });
  });

  it("one that resembles nothing, without a guess", () => {
    expect(problemOf({ frobnicate: 1 }).message).toBe('There is no "frobnicate" here.');
    for (const name of ["__proto__", "constructor", "toString"]) {
      expect(problemOf(JSON.parse(`{"${name}": 1}`)).code).toBe("unknown_setting");
    }
  });

  it.each(DURATIONS)("%s that is no whole number of seconds within ten years", (setting) => {
    const nonsense = [
      Number.NaN,
      Infinity,
      -Infinity,
      -1,
      1.5,
      1e300,
      315_360_001,
      "600",
      "10m",
      true,
      {},
      [],
    ];
    for (const value of nonsense) expect(problemsAt({ [setting]: value })).toContain(setting);
    if (setting !== "overlapSeconds") expect(problemsAt({ [setting]: null })).toContain(setting);
  });

  it.each(DURATIONS.filter((setting) => setting !== "skewSeconds" && setting !== "leewaySeconds"))(
    "%s of zero",
    (setting) => expect(problemsAt({ [setting]: 0 })).toContain(setting),
  );

  it.each(["none", "HS256", "HS512", "es256", "ES256K", "RS1", "Ed25519", "", null, 256])(
    "the algorithm %j, with those that there are",
    (alg) => {
      const { at, message } = problemOf({ alg });
      expect(at).toBe("alg");
      expect(message).toMatch(/^Expected one of ES256, ES384, .*ML-DSA-87\. Only asymmetric/);
    },
  );

  it.each([1024, 2047, 512, 8192, "2048", null])("an RSA modulus of %j bits", (rsaBits) => {
    expect(problemOf({ rsaBits })).toMatchObject({
      at: "rsaBits",
      message: "Expected 2048, 3072, 4096 (bits).",
    });
  });

  it.each(["yes", 1, null])("standby of %j", (standby) => {
    expect(problemOf({ standby }).message).toBe("Expected true or false.");
  });

  it("no object at all", () => {
    for (const input of [null, undefined, [], "ES256", 600]) {
      expect(refusalOf(input).problems.map(({ at }) => at)).toEqual(["/"]);
    }
  });
});

describe("a refusal of several settings", () => {
  it("lists all of them, in the message too", () => {
    const error = refusalOf({
      alg: "none",
      rsaBits: 1024,
      tokenSeconds: "900",
      tokenSecond: 900,
      standby: 0,
    });
    const at = ["alg", "rsaBits", "tokenSeconds", "standby", "tokenSecond"];
    expect(error.problems.map((problem) => problem.at).sort()).toEqual([...at].sort());
    for (const problem of error.problems) expect(error.message).toContain(problem.message);
    expect(error.message).toMatch(/^The policy cannot be kept\. /);
    expect(error.fix).toContain("keyturn init");
  });

  it("lists all broken bounds, too", () => {
    const codes = refusalOf({
      overlapSeconds: 600,
      rotateEverySeconds: 60,
      leaseSeconds: 10,
      tokenSeconds: 20_000,
    }).problems.map(({ code }) => code);
    expect(new Set(codes)).toEqual(
      new Set(["overlap_too_short", "rotation_too_fast", "lease_too_short", "jwks_too_large"]),
    );
  });

  it("never repeats a value that it was given", () => {
    const secret = "hunter2-canary";
    const fields = Object.keys(DEFAULT_POLICY) as (keyof RotationPolicy)[];
    const error = refusalOf(Object.fromEntries([...fields, "unknown"].map((field) => [field, secret])));
    expect(error.problems).toHaveLength(fields.length + 1);
    expect(`${error.message} ${error.fix} ${JSON.stringify(error.problems)}`).not.toContain(secret);
  });
});

function problemsAt(input: object): string[] {
  return policyProblems(input).map(({ at }) => at);
}
