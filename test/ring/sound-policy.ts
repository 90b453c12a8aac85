/** Policies drawn at random from those that are sound, with the extremes of every duration among them. */
import fc from "fast-check";
import { emitHold, retireHold, sumOf } from "../../src/ring/hold.ts";
import { DEFAULT_POLICY, type RotationPolicy } from "../../src/ring/policy.ts";

export const soundPolicies: fc.Arbitrary<RotationPolicy> = fc
  .record({
    refreshSeconds: fc.integer({ min: 1, max: 300 }),
    fetchSeconds: fc.integer({ min: 1, max: 20 }),
    skewSeconds: fc.integer({ min: 0, max: 90 }),
    tokenSeconds: fc.integer({ min: 1, max: 20_000 }),
    leewaySeconds: fc.integer({ min: 0, max: 120 }),
    alg: fc.constantFrom("ES256", "RS256", "EdDSA"),
    standby: fc.boolean(),
    cacheAboveLeast: fc.integer({ min: 1, max: 3000 }),
    leaseAboveLeast: fc.integer({ min: 0, max: 600 }),
    rotateAboveLeast: fc.integer({ min: 0, max: 20_000 }),
    overlapAboveLeast: fc.option(fc.integer({ min: 0, max: 2000 })),
  })
  .map(({ cacheAboveLeast, leaseAboveLeast, rotateAboveLeast, overlapAboveLeast, ...drawn }) => {
    const margin = drawn.refreshSeconds + 2 * drawn.fetchSeconds + drawn.skewSeconds;
    const policy: RotationPolicy = {
      ...DEFAULT_POLICY,
      ...drawn,
      alg: drawn.alg as RotationPolicy["alg"],
      jwksCacheSeconds: 2 * margin + cacheAboveLeast,
      leaseSeconds: drawn.refreshSeconds + leaseAboveLeast,
    };
    const longer = Math.max(sumOf(emitHold(policy).terms), sumOf(retireHold(policy).terms));
    const overlapSeconds = overlapAboveLeast === null ? null : longer + overlapAboveLeast;
    const held = { ...policy, overlapSeconds };
    const rotateLeast = Math.max(emitHold(held).seconds, Math.ceil(retireHold(held).seconds / 6));
    return { ...held, rotateEverySeconds: rotateLeast + rotateAboveLeast };
  });
