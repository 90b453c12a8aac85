import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emitHold,
  marginSeconds,
  maxAgeSeconds,
  overlapSeconds,
  retireHold,
  revocationBoundSeconds,
  sumOf,
} from "../../src/ring/hold.ts";
import { parsePolicy } from "../../src/ring/policy.ts";
import { soundPolicies } from "./sound-policy.ts";

describe("the emit hold", () => {
  it("is exactly twice the JWKS cache for every sound policy that leaves the overlap alone", () => {
    fc.assert(
      fc.property(soundPolicies, (policy) => {
        expect(sumOf(emitHold(policy).terms)).toBe(2 * policy.jwksCacheSeconds);
        expect(emitHold({ ...policy, overlapSeconds: null }).seconds).toBe(2 * policy.jwksCacheSeconds);
      }),
    );
  });

  it("is 20 minutes by default, of which an edge may use 530 s", () => {
    const policy = parsePolicy({});
    expect(emitHold(policy)).toMatchObject({ seconds: 1200, decidedBy: "overlap" });
    expect(marginSeconds(policy)).toBe(70);
    expect(maxAgeSeconds(policy)).toBe(530);
  });

  it("is lengthened by an overlap longer than its sum", () => {
    const policy = parsePolicy({ overlapSeconds: 5000 });
    expect(overlapSeconds(policy)).toBe(5000);
    expect(emitHold(policy)).toMatchObject({ seconds: 5000, decidedBy: "overlap" });
  });

  it("leaves the served max-age positive for every sound policy", () => {
    fc.assert(fc.property(soundPolicies, (policy) => maxAgeSeconds(policy) > 0));
  });
});

describe("the retire hold", () => {
  it("is decided by the overlap with the defaults, whose sum is only 1110 s", () => {
    const hold = retireHold(parsePolicy({}));
    expect(sumOf(hold.terms)).toBe(1110);
    expect(hold).toMatchObject({ seconds: 1200, decidedBy: "overlap" });
  });

  it("is decided by the token when tokens live for an hour", () => {
    expect(retireHold(parsePolicy({ tokenSeconds: 3600 }))).toMatchObject({
      seconds: 3810,
      decidedBy: "sum",
    });
  });

  it("has no cache term: a longer JWKS cache changes nothing but the floor", () => {
    fc.assert(
      fc.property(soundPolicies, fc.integer({ min: 1, max: 100_000 }), (policy, longer) => {
        const cached = { ...policy, jwksCacheSeconds: policy.jwksCacheSeconds + longer };
        expect(sumOf(retireHold(cached).terms)).toBe(sumOf(retireHold(policy).terms));
      }),
    );
  });

  it("grows by every second that a token, the lease or the leeway grows, and by two for one of skew", () => {
    const policy = parsePolicy({ tokenSeconds: 3600 });
    const grown = (more: object) => retireHold({ ...policy, ...more }).seconds - retireHold(policy).seconds;
    expect(grown({ tokenSeconds: 3601 })).toBe(1);
    expect(grown({ leaseSeconds: 121 })).toBe(1);
    expect(grown({ leewaySeconds: 31 })).toBe(1);
    expect(grown({ skewSeconds: 31 })).toBe(2);
  });
});

describe("the bound of a revocation", () => {
  it("is the path through the caches, whatever the overlap adds to the holds", () => {
    expect(revocationBoundSeconds(parsePolicy({ overlapSeconds: 5000 }))).toBe(1200);
  });
});
