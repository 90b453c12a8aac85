/**
 * What must hold in every ring, and from every ring to the next. Asserted on each commit and each
 * load: a bug in a step is stopped before it is stored, a bad document before it is believed.
 */
import { KeyturnError } from "../errors.ts";
import { keysIn, type Phase, phaseOf } from "./phase.ts";
import { policyProblems } from "./policy.ts";
import { isRoutine, type KeyRing, keyOf, LIVE_KEYS_MAX, type RingKey, tombstoneOf } from "./ring.ts";

/** @throws KeyturnError `ring_invalid`, naming every rule that is broken. */
export function assertRing(ring: KeyRing): void {
  refuseIf(brokenRules(ring));
}

/** @throws KeyturnError `ring_invalid` when `next` is no lawful successor of `previous`. */
export function assertSuccession(previous: KeyRing, next: KeyRing): void {
  refuseIf([...brokenRules(next), ...brokenPromises(previous, next)]);
}

function brokenRules(ring: KeyRing): string[] {
  const kids = [...ring.keys, ...ring.tombstones].map(({ kid }) => kid);
  const head = ring.auditTail.at(-1);
  return stated([
    [keysIn(ring, "emitting").length === 1, "exactly one key emits"],
    [new Set(kids).size === kids.length, "no kid occurs twice, live or revoked"],
    [ring.keys.length <= LIVE_KEYS_MAX, `at most ${LIVE_KEYS_MAX} keys live`],
    [
      head?.generation === ring.generation && head.ring === ring.id,
      "the newest audit record is this generation's",
    ],
    [policyProblems(ring.policy).length === 0, "the policy is sound"],
    ...ring.keys.flatMap(rulesOfKey),
  ]);
}

function rulesOfKey(key: RingKey): Rule[] {
  const { kid, createdAt, publishedAt, emitAfter, emittedAt, retiredAt, acceptUntil, rolledBackAt } = key;
  const phase = phaseOf(key);
  return [
    [(publishedAt === null) === (emitAfter === null), `${kid}: published with a promise`],
    [publishedAt !== null || phase === "accepted", `${kid}: what emits or retires is published`],
    [retiredAt === null || emittedAt !== null, `${kid}: what retires has emitted`],
    [(retiredAt === null) === (acceptUntil === null), `${kid}: retired with a promise`],
    [(emittedAt === null) === (key.retireHoldSeconds === null), `${kid}: a retire hold once it has emitted`],
    [
      ascending(createdAt, publishedAt, emittedAt, retiredAt, acceptUntil),
      `${kid}: its instants are in order`,
    ],
    [
      emittedAt === null || key.earlyEmit || emittedAt >= (emitAfter ?? 0),
      `${kid}: does not emit before its hold`,
    ],
    [rolledBackAt === null || phase === "retiring", `${kid}: rolled back, so never emits again`],
    [ascending(createdAt, key.reinstatedAt, emittedAt), `${kid}: reinstated no later than it emits`],
  ];
}

function brokenPromises(previous: KeyRing, next: KeyRing): string[] {
  return stated([
    [next.id === previous.id, "the ring keeps its id"],
    [next.generation === previous.generation + 1, "the generation grows by one"],
    [
      previous.tombstones.every(
        (tombstone) => isRoutine(tombstone) || tombstoneOf(next, tombstone.kid) !== undefined,
      ),
      "an operator's tombstone stays for ever",
    ],
    ...previous.keys.map((before): Rule => {
      const after = keyOf(next, before.kid);
      if (after === undefined)
        return [tombstoneOf(next, before.kid) !== undefined, `${before.kid}: leaves a tombstone`];
      return [
        keepsPromises(before, after),
        `${before.kid}: a promise is not shortened, a fact not rewritten`,
      ];
    }),
  ]);
}

function keepsPromises(before: RingKey, after: RingKey): boolean {
  const sameKey =
    after.alg === before.alg && after.createdAt === before.createdAt && after.imported === before.imported;
  const onward = NEXT_PHASES[phaseOf(before)].includes(phaseOf(after));
  const holdKept = before.emitAfter === null || after.emitAfter === before.emitAfter;
  // What emits again is published without end.
  const publishedLongEnough = (after.acceptUntil ?? Infinity) >= (before.acceptUntil ?? 0);
  return (
    sameKey &&
    onward &&
    holdKept &&
    publishedLongEnough &&
    (after.retireHoldSeconds ?? 0) >= (before.retireHoldSeconds ?? 0) &&
    (before.rolledBackAt === null || after.rolledBackAt !== null)
  );
}

/** Where one commit may lead a key that stays; from retiring back to emitting by a rollback. */
const NEXT_PHASES: Readonly<Record<LivePhase, readonly LivePhase[]>> = {
  accepted: ["accepted", "emitting"],
  emitting: ["emitting", "retiring"],
  retiring: ["retiring", "emitting"],
};

type LivePhase = Exclude<Phase, "revoked">;

/** A rule, and whether it holds. */
type Rule = readonly [holds: boolean, rule: string];

function stated(rules: readonly Rule[]): string[] {
  return rules.filter(([holds]) => !holds).map(([, rule]) => rule);
}

function ascending(...instants: (number | null)[]): boolean {
  const known = instants.filter((instant) => instant !== null);
  return known.every((instant, i) => i === 0 || instant >= (known[i - 1] ?? 0));
}

function refuseIf(broken: readonly string[]): void {
  if (broken.length === 0) return;
  throw new KeyturnError("ring_invalid", `The ring breaks a rule. ${broken.join(" · ")}.`, {
    fix: "Nothing was stored. Restore the newest whole copy; if keyturn wrote this ring itself, please report it.",
    problems: broken.map((rule) => ({ code: "rule_broken", at: "/ring", message: rule })),
  });
}
