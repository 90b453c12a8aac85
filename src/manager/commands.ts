/** What an operator can do to the ring. Every command, repeated, is the same as once. */
import { readingOf } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { openJwk, sealJwk } from "../keys/seal.ts";
import type { AuditCause } from "../ring/audit.ts";
import { revocationBoundSeconds } from "../ring/hold.ts";
import { emitterOf } from "../ring/phase.ts";
import { rotationState } from "../ring/plan.ts";
import { parsePolicy, type RotationPolicy } from "../ring/policy.ts";
import { printable } from "../ring/printable.ts";
import { type KeyRing, type RingKey, ROUTINE_REASONS } from "../ring/ring.ts";
import * as rules from "../ring/step.ts";
import { emitDueAt, nextEmitter, successorOf } from "../ring/succession.ts";
import { heldByAudit } from "./audit-hold.ts";
import type { Decide } from "./commit.ts";
import { freshKey } from "./fresh-key.ts";
import { assertMeant, assertSpared } from "./precondition.ts";
import type { Snapshot } from "./snapshot.ts";
import { assertBorne } from "./store-pace.ts";
import { isBehind, type Node } from "./tick.ts";

/** Who commands, and why. Both go into the audit record. */
export interface Command {
  /** Default `operator`. At most 500 printable characters. */
  readonly actor?: string;
  /** At most 500 printable characters; required where a command takes trust away. */
  readonly reason?: string;
  /** Generations of the ring that the command is meant for; on any other it is refused with `precondition_failed`. Default: any. */
  readonly ifGeneration?: readonly number[];
}

export interface RevokeCommand extends Command {
  readonly reason: string;
  /** Whether to refuse, with `kid_is_emitter`, when the key signs at that moment. Default false. */
  readonly sparesEmitter?: boolean;
}

export interface Outcome {
  /** False when there was nothing left to do. */
  readonly changed: boolean;
  readonly generation: number;
  /** The kid that signs now. */
  readonly emitter: string;
}

export interface RotateOutcome extends Outcome {
  /**
   * `emitted`: the successor took over. `scheduled`: it will, as soon as its hold has passed.
   * `in_progress`: that was asked for before. `just_done`: the emitter took over less than an emit hold ago.
   */
  readonly rotation: "emitted" | "scheduled" | "in_progress" | "just_done";
  /** When the next key emits, if one waits and its hold is known. */
  readonly emitsAt: number | null;
}

export interface RevokeOutcome extends Outcome {
  readonly kid: string;
  /** A successor emits before its hold has passed: until then, verifiers may not know it. */
  readonly earlyEmit: boolean;
  /** By when every verifier that honours the cache TTL refuses the kid. */
  readonly refusedByAt: number;
  /** Kinds of verifier for which there is no such bound. */
  readonly unboundedFor: readonly string[];
}

export interface Commands {
  /** Starts the next turnover ahead of schedule, never ahead of a hold. */
  rotate(command?: Command): Promise<RotateOutcome>;
  /** The key that retired last emits again, in place of the present one. @throws KeyturnError `rollback_impossible`, `reason_invalid`, `clock_implausible` */
  rollback(command: Command & { readonly reason: string }): Promise<Outcome>;
  /** Takes a key out of the JWKS at once. @throws KeyturnError `kid_unknown`, `kid_is_emitter`, `reason_invalid` */
  revoke(kid: string, command: RevokeCommand): Promise<RevokeOutcome>;
  /** Stops the automatic steps; commands still work. */
  pause(command?: Command): Promise<Outcome>;
  resume(command?: Command): Promise<Outcome>;
  /**
   * Puts a policy in force, for the ring and so for every node. What it leaves out takes its default,
   * not what the ring had. @throws KeyturnError `policy_invalid`
   */
  applyPolicy(policy: Partial<RotationPolicy>, command?: Command): Promise<Outcome>;
  /** Moves ring and keys from the previous KEK to the present one, in one commit. */
  rewrap(command?: Command): Promise<Outcome>;
}

/** Who keeps a revoked key for as long as it likes, and what to do about it. */
const UNBOUNDED_VERIFIERS = [
  "verifiers that keep a JWKS without expiry, refetch it only on an unknown kid, or keep a key that a fresh one lacks: restart them",
  "verifiers and caches configured to keep a JWKS longer than jwksCacheSeconds",
  "nodes cut off from the store, which go on serving the ring that they read last: take them out",
];

export function commands(node: Node, adopt: (policy: RotationPolicy) => void): Commands {
  const { clock, witness } = node;
  const commit = heldByAudit(node.commit, node.auditRoom);

  async function outcome(decide: Decide, cause: AuditCause): Promise<Outcome> {
    const { snapshot, event } = await commit(decide, cause);
    return describe(snapshot, event !== null);
  }

  const holdHasPassed = (ring: KeyRing, kid: string, now: number) =>
    witness.confirms(ring, { step: "emit", kid, dueAt: now }, readingOf(clock));

  /** What an emergency believes of a key: no more than both clocks say. */
  const isAttested = (ring: KeyRing, now: number) => (key: RingKey) => {
    const reading = readingOf(clock);
    const isSound = !isBehind(ring, reading.now) && witness.doubts(ring, reading) === null;
    return isSound && (key.retiredAt !== null || holdHasPassed(ring, key.kid, now));
  };

  /** Instants that lie before what the ring has seen would end promises too early. */
  function assertNotBehind(ring: KeyRing): void {
    if (!isBehind(ring, clock.now())) return;
    throw new KeyturnError("clock_implausible", "This node's clock lies before the ring's last commit.", {
      fix: "Set the clock, or run the command on another node. A revoke works in any case.",
    });
  }

  return {
    async rotate(command = {}) {
      const found: { rotation: RotateOutcome["rotation"] } = { rotation: "emitted" };
      const { snapshot, event } = await commit(
        onRing(({ ring }, now) => {
          assertNotBehind(ring);
          const state = rotationState(ring, now);
          found.rotation = state.state === "ready" ? "emitted" : state.state;
          if (state.state === "just_done" || state.state === "in_progress") return null;
          if (state.state === "ready" && holdHasPassed(ring, state.kid, now))
            return rules.emit(ring, state.kid, now);
          if (ring.rotateRequestedAt !== null) {
            found.rotation = "in_progress";
            return null;
          }
          found.rotation = "scheduled";
          return rules.requestRotation(ring, now);
        }, command),
        causeOf(command),
      );
      const next = nextEmitter(snapshot.ring);
      const waits = found.rotation === "scheduled" || found.rotation === "in_progress";
      const emitsAt = waits && next !== undefined ? emitDueAt(next, snapshot.ring.policy) : null;
      return { ...describe(snapshot, event !== null), rotation: found.rotation, emitsAt };
    },

    async rollback(command) {
      return outcome(
        onRing(({ ring }, now) => {
          assertNotBehind(ring);
          return rules.rollback(ring, now);
        }, command),
        causeOf(command, "required"),
      );
    },

    async revoke(kid, command) {
      const cause = causeOf(command, "required");
      const fresh = freshKey();
      const { snapshot, event } = await commit(
        onRing(async ({ ring, kek }, now) => {
          assertSpared(ring, kid, command.sparesEmitter);
          const attested = isAttested(ring, now);
          const needed = kid === emitterOf(ring).kid && successorOf(ring, now, attested).how === "fresh";
          const key = needed ? await fresh(ring.policy, ring.id, kek) : null;
          return rules.revoke(ring, kid, cause.reason as string, now, key, attested);
        }, command),
        cause,
      );
      const revokedAt =
        snapshot.ring.tombstones.find((tombstone) => tombstone.kid === kid)?.revokedAt ?? clock.now();
      return {
        ...describe(snapshot, event !== null),
        kid,
        earlyEmit: event?.earlyEmit === true,
        // Copies made under an earlier policy with a longer cache TTL live as long as that allowed.
        refusedByAt: Math.max(
          revokedAt + revocationBoundSeconds(snapshot.ring.policy),
          snapshot.ring.jwksHeldUntil,
        ),
        unboundedFor: UNBOUNDED_VERIFIERS,
      };
    },

    async pause(command = {}) {
      return outcome(
        onRing(({ ring }, now) => rules.pause(ring, now), command),
        causeOf(command),
      );
    },

    async resume(command = {}) {
      return outcome(
        onRing(({ ring }) => rules.resume(ring), command),
        causeOf(command),
      );
    },

    async applyPolicy(input, command = {}) {
      const policy = parsePolicy(input);
      assertBorne(policy, node.store);
      const applied = await outcome(
        onRing(({ ring }, now) => rules.applyPolicy(ring, policy, now), command),
        causeOf(command),
      );
      adopt(policy);
      return applied;
    },

    async rewrap(command = {}) {
      const { snapshot, event } = await commit(
        onRing(async (base) => (base.kek.id === node.kek.id ? null : rewrapped(base, node)), command),
        causeOf(command),
        node.kek,
      );
      return describe(snapshot, event !== null);
    },
  };
}

async function rewrapped({ ring, kek }: Snapshot, node: Node): Promise<rules.Change> {
  const sealed = new Map<string, string>();
  for (const { kid, sealedJwk } of ring.keys) {
    const entry = { ring: ring.id, kid };
    sealed.set(kid, await sealJwk(await openJwk(sealedJwk, entry, kek), entry, node.kek));
  }
  return rules.resealed(ring, sealed, node.kek.id);
}

/** Commands act on a ring that is there; without one the commit answers `ring_missing`. */
export function onRing(
  decide: (base: Snapshot, now: number) => rules.Change | null | Promise<rules.Change | null>,
  { ifGeneration }: Command = {},
): Decide {
  return async (base, now) => {
    if (base === null) return null;
    assertMeant(base.ring, ifGeneration);
    return decide(base, now);
  };
}

export function describe({ ring }: Snapshot, changed: boolean): Outcome {
  return { changed, generation: ring.generation, emitter: emitterOf(ring).kid };
}

export function causeOf({ actor = "operator", reason }: Command, need?: "required"): AuditCause {
  return { trigger: "manual", actor: printable("An actor", actor), reason: parseReason(reason, need) };
}

function parseReason(reason: string | undefined, need?: "required"): string | null {
  const given = reason?.trim() ?? "";
  if (given === "" && need !== "required") return null;
  if (!(ROUTINE_REASONS as readonly string[]).includes(given)) return printable("A reason", given);
  throw new KeyturnError(
    "reason_invalid",
    `"${given}" is what the schedule says of a key whose time is over.`,
    {
      fix: "Say in your own words why the key has to go now.",
    },
  );
}
