/**
 * Operators: they command at the worst moments, which are just before and after a hold ends, and
 * while another commit is under way. What they were told is held against what the ring then says.
 */
import { isKeyturnError } from "../../src/errors.ts";
import type { Outcome } from "../../src/manager/commands.ts";
import type { KeyManager } from "../../src/manager/manager.ts";
import { phaseOf } from "../../src/ring/phase.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { emitDueAt } from "../../src/ring/succession.ts";
import type { Chance } from "./chance.ts";
import { changedPolicy } from "./drawn-policy.ts";
import type { Fault } from "./faults.ts";
import type { IssuingNode } from "./issuing-node.ts";
import { type Ledger, worldTime } from "./ledger.ts";
import type { RingWatch } from "./ring-watch.ts";

const COMMANDS = [
  "rotate",
  "rotate",
  "rotate",
  "rollback",
  "revoke",
  "revoke",
  "pause",
  "resume",
  "policy",
] as const;
type CommandName = (typeof COMMANDS)[number];

type End = "changed" | "unchanged" | "unknown" | "refused";

export class Operator {
  /** How each command ended, by the reason that its audit record bears. */
  readonly ends = new Map<string, End>();
  /** Called before a key is revoked: who steals it does so now. */
  beforeRevoke: (ring: KeyRing, kid: string) => Promise<void> = async () => {};
  private readonly ledger: Ledger;
  private readonly chance: Chance;
  private readonly watch: RingWatch;

  constructor(ledger: Ledger, chance: Chance, watch: RingWatch) {
    this.ledger = ledger;
    this.chance = chance;
    this.watch = watch;
  }

  /** An instant that matters, give or take a second: now, or when something falls due. */
  worstMoment(): number {
    const { ring } = this.watch;
    const { now } = this.ledger.agenda;
    if (ring === null || this.chance.happens(0.3)) return now;
    const instants = ring.keys.flatMap((key) => [emitDueAt(key, ring.policy), key.acceptUntil]);
    const ahead = instants.flatMap((instant) => (instant === null ? [] : [worldTime(instant)]));
    const due = ahead.filter((instant) => instant > now - 1);
    return due.length === 0 ? now : this.chance.pick(due) + this.chance.between(-1.5, 1.5);
  }

  command(node: IssuingNode): boolean {
    const { keys } = node;
    if (keys === null || !node.isUp(this.ledger.agenda.now)) return false;
    const name = this.chance.pick(COMMANDS);
    // What a clock beyond the skew says of holds is worth nothing; an emergency does not wait for a better one.
    if (!node.clock.isSound && name !== "revoke") return false;
    node.commands.given++;
    const done = () => void node.commands.done++;
    void this.give(node, keys, name).then(done, (error: unknown) => {
      this.ledger.violate("I8", `${name} ended with ${String(error)}`);
      done();
    });
    return true;
  }

  private async give(node: IssuingNode, keys: KeyManager, name: CommandName): Promise<void> {
    const order = this.orderOf(keys, name);
    const { now } = this.ledger.agenda;
    const first = await this.carryOut(node, name, order);
    if (first === null || !this.chance.happens(0.3)) return;
    const isSame = () => node.keys === keys && this.watch.ring?.generation === first.generation;
    if (name === "resume" || !isSame()) return;
    this.ledger.injected("operator: command repeated");
    const again = await this.carryOut(node, `${name} again`, order);
    // In the time that a slow answer takes, a hold may end or another commit.
    if (again === null || this.ledger.agenda.now !== now) return;
    if (again.changed) this.ledger.violate("I15", `${name}, repeated, changes the ring once more`);
  }

  /** What to do, decided once, so that it can be repeated. */
  private orderOf(keys: KeyManager, name: CommandName): (reason: string) => Promise<Outcome> {
    const ring = keys.ring();
    switch (name) {
      case "rotate":
        return (reason) => this.counted("operator: rotate", () => keys.rotate({ reason }));
      case "rollback":
        return (reason) => this.counted("operator: rollback", () => keys.rollback({ reason }));
      case "pause":
        return (reason) => this.counted("operator: pause", () => keys.pause({ reason }));
      case "resume":
        return (reason) => keys.resume({ reason });
      case "policy": {
        const policy = changedPolicy(ring.policy, this.chance);
        return (reason) =>
          this.counted("operator: policy change", () => keys.applyPolicy(policy, { reason }));
      }
      case "revoke": {
        const emitter = ring.keys.find((key) => phaseOf(key) === "emitting")?.kid ?? "";
        const kid = this.chance.happens(0.5) ? emitter : this.chance.pick(ring.keys).kid;
        const kind = kid === emitter ? "operator: revoke emitter" : "operator: revoke other key";
        return async (reason) => {
          await this.beforeRevoke(ring, kid);
          return this.counted(kind, () => keys.revoke(kid, { reason }));
        };
      }
    }
  }

  private counted(fault: Fault, work: () => Promise<Outcome>): Promise<Outcome> {
    this.ledger.injected(fault);
    return work();
  }

  /** The outcome, or null where there is none. */
  private async carryOut(
    node: IssuingNode,
    name: string,
    order: (reason: string) => Promise<Outcome>,
  ): Promise<Outcome | null> {
    const reason = `order ${this.ends.size + 1}`;
    // A process that is killed never answers: nobody knows.
    this.ends.set(reason, "unknown");
    this.ledger.story.tell("operator", () => `${name} at ${node.name} (${reason})`);
    const ended = (end: End, told: string) => {
      this.ends.set(reason, end);
      this.ledger.story.tell("operator", () => `${reason}: ${told}`);
    };
    try {
      const outcome = await order(reason);
      ended(outcome.changed ? "changed" : "unchanged", JSON.stringify(outcome.changed));
      return outcome;
    } catch (error) {
      if (!isKeyturnError(error)) throw error;
      ended(error.code === "commit_unknown" ? "unknown" : "refused", error.code);
      return null;
    }
  }

  /** I7 and I8: what was acknowledged is in the history, once; what was refused is not. */
  assertAccounts(): void {
    for (const [reason, end] of this.ends) {
      const times = this.watch.reasons.get(reason) ?? 0;
      if (times > 1) this.ledger.violate("I7", `${reason} was committed ${times} times`);
      if (end === "changed" && times === 0)
        this.ledger.violate("I7", `${reason} was acknowledged and is lost`);
      if ((end === "unchanged" || end === "refused") && times > 0)
        this.ledger.violate("I8", `${reason} ended as ${end} and is in the history`);
    }
  }
}
