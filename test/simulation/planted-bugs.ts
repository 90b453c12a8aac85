/** Bugs as others have had them, each planted by changing a line or two of the product as it is loaded. */
import type { WorldKind } from "./job.ts";
import type { ModulePatch } from "./module-patches.ts";

export interface PlantedBug {
  readonly name: string;
  /** In which kind of world it can show. */
  readonly kind: WorldKind;
  readonly patches: readonly ModulePatch[];
}

/** A store that lets whoever has seen no ring write one. */
const CREATES_OVER: ModulePatch = {
  module: "../test/simulation/simulated-store.ts",
  find: "if ((this.present?.revision ?? null) !== expected) throw conflict();",
  replace: "if (expected !== null && this.present?.revision !== expected) throw conflict();",
};

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "sign at birth",
    kind: "lean",
    patches: [
      {
        module: "ring/step.ts",
        find: "emitAfter: Math.max(now + emitHold(ring.policy).seconds, ring.jwksHeldUntil),",
        replace: "emitAfter: now,",
      },
      {
        module: "ring/succession.ts",
        find: "Math.max(key.emitAfter, key.publishedAt + emitHold(policy).seconds)",
        replace: "key.emitAfter",
      },
    ],
  },
  {
    name: "hold counted from the plan",
    kind: "lean",
    patches: [
      {
        module: "manager/tick.ts",
        find: "await fresh(ring.policy, ring.id, kek), now, confirmed)",
        replace: "await fresh(ring.policy, ring.id, kek), Math.min(now, step.dueAt), confirmed)",
      },
    ],
  },
  {
    name: "holds counted from the decision, though it arrived late",
    kind: "lean",
    patches: [
      {
        module: "ring/arrival.ts",
        find: "if (Math.max(borneOut, atMost) - committedAt < ARRIVAL_SECONDS_MIN) return ring;",
        replace: "return ring;",
      },
    ],
  },
  {
    name: "a hold taken for as old as its date, by a clock that is ahead",
    kind: "lean",
    patches: [
      {
        module: "manager/witness.ts",
        find: "Math.min(dated, sinceLook, believable))",
        replace: "dated)",
      },
    ],
  },
  {
    name: "retire hold without the token's life",
    kind: "lean",
    patches: [
      {
        module: "ring/hold.ts",
        find: '{ name: "token", seconds: policy.tokenSeconds, times: 1 },',
        replace: "",
      },
    ],
  },
  {
    name: "JWKS body cached at rotation",
    kind: "lean",
    patches: [
      {
        module: "http/jwks.ts",
        find: "return derived.ring === ring && derived.lag === lag && now >= derived.from && now < derived.until;",
        replace:
          "const emitter = ({ keys }: KeyRing) => keys.find((key) => key.emittedAt !== null && key.retiredAt === null)?.kid; " +
          "return emitter(derived.ring) === emitter(ring) && derived.lag === lag;",
      },
    ],
  },
  {
    name: "blind retry after an unknown commit",
    kind: "lean",
    patches: [
      {
        module: "manager/commit.ts",
        find: "base === null ? undefined : lost.find(({ ring }) => isIn(ring, base.ring));",
        replace: "[lost[0]].find((one) => base === null && one !== undefined && isIn(one.ring, one.ring));",
      },
    ],
  },
  {
    name: "lease on the wall clock only",
    kind: "lean",
    patches: [
      {
        module: "manager/snapshot.ts",
        find: "return ageAt(readAt, reading);",
        replace: "return reading.now - readAt.now;",
      },
    ],
  },
  {
    name: "lease not enforced when it cannot be renewed",
    kind: "lean",
    patches: [
      {
        module: "manager/manager.ts",
        find: "if (!withinLease(held(), reading)) throw stale(held(), reading, cause);",
        replace: "void cause;",
      },
    ],
  },
  {
    name: "empty write over a good ring",
    kind: "lean",
    patches: [
      CREATES_OVER,
      {
        module: "manager/manager.ts",
        find: "if ((await snapshots.reload()) === null) {\n    if (options.createIfMissing === false) throw ringMissing(store);",
        replace: "if ((await snapshots.reload().catch(() => null)) === null) {",
      },
      {
        module: "manager/commit.ts",
        find: "const base = await snapshots.reload().catch(orUnknown);",
        replace:
          "const base = await snapshots.reload().catch((error) => (lost.length > 0 ? orUnknown(error) : null));",
      },
    ],
  },
  { name: "first boot: each node makes its own ring", kind: "lean", patches: [CREATES_OVER] },
  {
    name: "a stale replica reverts another's step",
    kind: "lean",
    patches: [
      { ...CREATES_OVER, replace: "if (this.present === null && expected !== null) throw conflict();" },
    ],
  },
  {
    name: "restored backup accepted",
    kind: "lean",
    patches: [
      {
        module: "manager/snapshot.ts",
        find: "if (seen === undefined) return;",
        replace: "if (seen !== null) return;",
      },
    ],
  },
  {
    name: "policy shortened under a live key",
    kind: "lean",
    patches: [
      {
        module: "ring/step.ts",
        find: "retireHoldSeconds: longest(key.retireHoldSeconds, hold),",
        replace: "retireHoldSeconds: key.retireHoldSeconds === null ? null : hold,",
      },
      {
        module: "ring/invariant.ts",
        find: "(after.retireHoldSeconds ?? 0) >= (before.retireHoldSeconds ?? 0) &&",
        replace: "",
      },
    ],
  },
  {
    name: "catch-up burst after downtime",
    kind: "lean",
    patches: [
      {
        module: "manager/manager.ts",
        find: "tick: () => schedule.tick(),",
        replace:
          "tick: async () => { while ((await schedule.tick()).step !== null); return schedule.tick(); },",
      },
    ],
  },
  {
    name: "ETag that does not follow the body",
    kind: "lean",
    patches: [
      {
        module: "ring/jwks.ts",
        find: "ring.auditTail.at(-1)?.hash ?? ring.id",
        replace: "ring.id",
      },
    ],
  },
  {
    name: "rollback to a key that some node has dropped",
    kind: "lean",
    patches: [
      {
        module: "ring/succession.ts",
        find: "return now + unaware < (key.acceptUntil ?? Infinity) - moved;",
        replace: "return now - 60 * policy.skewSeconds < (key.acceptUntil ?? Infinity);",
      },
    ],
  },
  {
    name: "a revoked key's tombstone is forgotten",
    kind: "lean",
    patches: [
      {
        module: "ring/step.ts",
        find: "const forgotten = new Set(routine.slice(0, -ROUTINE_TOMBSTONES_MAX));",
        replace: "const forgotten = new Set(tombstones.slice(0, routine.length === 0 ? -1 : -2));",
      },
      { module: "ring/invariant.ts", find: "isRoutine(tombstone) || ", replace: "true || " },
    ],
  },
  {
    name: "a conflict taken for success",
    kind: "lean",
    patches: [
      {
        module: "manager/commit.ts",
        find: 'return "conflict";',
        replace: 'return snapshots.adopt(ready, "lost", decidedAt, base);',
      },
    ],
  },
  {
    name: "a schedule that stops at the first error",
    kind: "lean",
    patches: [
      {
        module: "manager/manager.ts",
        find: "tick: () => schedule.tick(),",
        replace:
          "tick: async () => { if (hasStopped) throw new Error(); try { return await schedule.tick(); } " +
          "catch (error) { hasStopped = true; throw error; } },",
      },
      {
        module: "manager/manager.ts",
        find: "let look = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };",
        replace:
          "let hasStopped = false; let look = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };",
      },
    ],
  },
  {
    name: "verifier raises a revoked key from a stale edge",
    kind: "full",
    patches: [
      {
        module: "verifier/held-keys.ts",
        find: 'isOlder(document, set) && stage(reading) !== "expired"',
        replace: "isOlder(document, set) && set === null",
      },
    ],
  },
  {
    name: "verified tokens remembered without their key",
    kind: "full",
    patches: [
      {
        module: "verifier/verifier.ts",
        find: "if (!key.live || ",
        replace: "if (",
      },
    ],
  },
];
