/** The three acts: a turnover, a rollback, an emergency. What goes on meanwhile is counted elsewhere. */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { RevokeOutcome } from "../manager/commands.ts";
import { emitHold, revocationBoundSeconds } from "../ring/hold.ts";
import type { Ledger } from "./ledger.ts";
import { type Emergency, TOKENS_PER_KEY_MIN } from "./report.ts";
import { POLICY } from "./scale.ts";
import type { Operator } from "./server.ts";
import type { Moment, Timeline } from "./timeline.ts";
import type { Traffic } from "./traffic.ts";
import type { Verifier } from "./verifiers.ts";

export interface Stage {
  readonly operator: Operator;
  readonly timeline: Timeline;
  readonly ledger: Ledger;
  readonly traffic: Traffic;
  readonly verifiers: readonly Verifier[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What a busy machine may take longer than the policy does. */
const SLACK_SECONDS = 30;
const STEP_SECONDS_MAX = emitHold(POLICY).seconds + SLACK_SECONDS;
const ASK_EVERY_MILLISECONDS = 250;

/** Plays them. A failure ends the play but not the report: what was counted until then counts. */
export async function play(
  stage: Stage,
  onAct: (act: string) => void,
): Promise<{ readonly emergency: Emergency | null; readonly failure: string | null }> {
  try {
    onAct("Accept → emit → revoke, by the schedule alone.");
    const successor = await turnOver(stage);
    onAct("Rollback of the key that has just begun to emit.");
    await rollBack(stage, successor);
    onAct("Emergency revoke of the emitter, with its successor matured.");
    const emergency = await revokeInEmergency(stage);
    await stage.operator.verifyAudit();
    return { emergency, failure: null };
  } catch (error) {
    const cause: unknown = stage.signal.aborted ? stage.signal.reason : error;
    if (isKeyturnError(cause, "rehearsal_failed")) return { emergency: null, failure: cause.message };
    throw error;
  }
}

/** The first successor emits, the next is accepted, the first key is revoked, the next successor emits. */
async function turnOver({ timeline, signal }: Stage): Promise<Moment> {
  const until = (what: string, matches: (moment: Moment) => boolean) =>
    timeline.until(what, matches, STEP_SECONDS_MAX, signal);

  const first = await until("successor that emits", ({ event }) => event === "emit");
  const accepted = await until("next key that is accepted", ({ event }) => event === "accept");
  await until(
    "routine revoke of the first key",
    ({ event, oldKid }) => event === "revoke" && oldKid === first.oldKid,
  );
  return until(
    "second successor that emits",
    ({ event, newKid }) => event === "emit" && newKid === accepted.newKid,
  );
}

async function rollBack(stage: Stage, { newKid, oldKid }: Moment): Promise<void> {
  const { operator, timeline, signal } = stage;
  // The new key is found to be bad only when tokens of it are about: they are honest all the same.
  await signedEnough(stage, newKid as string);
  const { emitter } = await operator.rollback("rehearsal: a consumer cannot use the new key");
  if (emitter !== oldKid) throw failed("The rollback did not bring back the key that retired last.");
  await timeline.until("rollback in the log", ({ event }) => event === "rollback", STEP_SECONDS_MAX, signal);
}

async function revokeInEmergency(stage: Stage): Promise<Emergency> {
  const { operator, timeline, ledger, clock, signal } = stage;
  const rolledBack = timeline.moments().find(({ event }) => event === "rollback") as Moment;
  const accepted = await timeline.until(
    "successor that is accepted",
    ({ event, newKid }) => event === "accept" && newKid !== rolledBack.oldKid && newKid !== rolledBack.newKid,
    STEP_SECONDS_MAX,
    signal,
  );
  // In a deployment a matured successor waits for weeks; at this pace the schedule would let it emit at once.
  await operator.pause("rehearsal: keep the successor for the emergency");
  const { emitter, keys } = await operator.status();
  const maturesAt = keys.find(({ kid }) => kid === accepted.newKid)?.emitDueAt ?? null;
  if (maturesAt === null) throw failed("The accepted key has no instant from which it may emit.");
  while (clock.now() < maturesAt) await delay(ASK_EVERY_MILLISECONDS, undefined, { signal });

  ledger.revoking(emitter);
  const revoked = await operator.revoke(emitter, "rehearsal: the private key was seen on a pastebin");
  const revokedAt = clock.monotonic();
  if (revoked.earlyEmit || revoked.emitter !== accepted.newKid)
    throw failed("The matured successor did not take over from the revoked key.");
  await signedEnough(stage, revoked.emitter);
  const refusedAfterSeconds = await refusals(stage, revoked, revokedAt);
  // Not before: the last act is over, and the next key would emit into a play that has ended.
  await operator.resume();
  return {
    kid: emitter,
    successor: revoked.emitter,
    boundSeconds: revocationBoundSeconds(POLICY),
    refusedAfterSeconds,
  };
}

/** Asks each verifier about the revoked key until all that can forget it have, or the bound has passed. */
async function refusals(
  { traffic, verifiers, clock, signal }: Stage,
  { kid, refusedByAt }: RevokeOutcome,
  revokedAt: number,
): Promise<Emergency["refusedAfterSeconds"]> {
  const refusedAfter = new Map<string, number | null>(verifiers.map(({ name }) => [name, null]));
  const token = traffic.latestOf(kid) as string;
  const trusting = () => verifiers.filter(({ name }) => refusedAfter.get(name) === null);
  for (;;) {
    const atBound = clock.now() >= refusedByAt;
    for (const { name, verify } of trusting()) {
      const askedAt = clock.monotonic();
      // The thief of a key makes tokens that have not expired, so expiry must not help here.
      const trusts = await verify(token, { expired: true }).then(
        () => true,
        () => false,
      );
      if (!trusts) refusedAfter.set(name, Math.round((askedAt - revokedAt) * 10) / 10);
    }
    if (atBound || !trusting().some(({ forgets }) => forgets)) return Object.fromEntries(refusedAfter);
    await delay(ASK_EVERY_MILLISECONDS, undefined, { signal });
  }
}

/** Waits for as many tokens of the key as the report demands. @throws KeyturnError `rehearsal_failed` */
export async function signedEnough(
  { ledger, signal }: Pick<Stage, "ledger" | "signal">,
  kid: string,
): Promise<void> {
  const deadline = AbortSignal.timeout(SLACK_SECONDS * 1000);
  while ((ledger.read().signedBy[kid] ?? 0) <= TOKENS_PER_KEY_MIN) {
    if (deadline.aborted) throw failed(`The server did not sign with ${kid}, which emits.`);
    await delay(ASK_EVERY_MILLISECONDS, undefined, { signal });
  }
}

export function failed(what: string): KeyturnError {
  return new KeyturnError("rehearsal_failed", what, {
    fix: "Rehearse again on an idle machine; if it lasts, please report it with the output of --json.",
  });
}
