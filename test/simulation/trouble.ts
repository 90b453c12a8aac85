/** All that goes wrong by itself. Each world draws which kinds it has, and how often. */
import { emitHold, maxAgeSeconds } from "../../src/ring/hold.ts";
import type { Chance } from "./chance.ts";
import type { IssuingNode } from "./issuing-node.ts";
import type { Ledger } from "./ledger.ts";
import type { SimulatedStore } from "./simulated-store.ts";
import type { Network } from "./traffic.ts";

type Trouble = (node: IssuingNode) => boolean;

export class TroubleMaker {
  private readonly ledger: Ledger;
  private readonly chance: Chance;
  private readonly store: SimulatedStore;
  private readonly network: Network;
  private isOver = false;
  private nodes: readonly IssuingNode[] = [];

  constructor(ledger: Ledger, chance: Chance, store: SimulatedStore, network: Network) {
    this.ledger = ledger;
    this.chance = chance;
    this.store = store;
    this.network = network;
  }

  /** Makes trouble of the drawn kinds about every `everySeconds`, until `end`. */
  begin(nodes: readonly IssuingNode[], everySeconds: number, end: number): void {
    const { agenda } = this.ledger;
    this.nodes = nodes;
    const kinds = Object.values(this.kinds).filter(() => this.chance.happens(0.6));
    if (kinds.length === 0) return;
    const next = (): boolean => {
      if (agenda.now >= end || this.isOver) return false;
      agenda.after(this.chance.between(0, 2 * everySeconds), next);
      return this.chance.pick(kinds)(this.chance.pick(nodes));
    };
    agenda.after(this.chance.between(0, everySeconds), next);
  }

  /** From now on all is well. */
  heal(nodes: readonly IssuingNode[]): void {
    this.isOver = true;
    this.network.isDown = false;
    for (const node of nodes) {
      node.handle.isDown = false;
      node.handle.loadFaults.length = 0;
      node.handle.staleReads.length = 0;
      node.handle.replaceFaults.length = 0;
      node.clock.mend();
    }
  }

  private readonly kinds: Readonly<Record<string, Trouble>> = {
    commit: ({ handle }) => {
      const [fault, name] = this.chance.pick([
        ["lost, written", "store: answer lost, written"],
        ["lost, not written", "store: answer lost, not written"],
        ["answered late", "store: answer late"],
        ["arrives late", "store: write arrives late"],
        ["conflict", "store: conflict out of nothing"],
        ["unavailable", "store: unavailable"],
      ] as const);
      handle.replaceFaults.push(fault);
      return this.told(name, handle);
    },
    read: ({ handle }) => {
      const fault = this.chance.pick(["slow", "unavailable"] as const);
      handle.loadFaults.push(fault);
      return this.told(fault === "slow" ? "store: slow read" : "store: unavailable", handle);
    },
    stale: (node) => {
      const older = this.store.history.at(-2);
      // A ring that it has not seen yet would be news to it, and no fault.
      if (older === undefined || node.keys?.ring().generation !== this.ledger.commits) return false;
      node.handle.staleReads.push(older);
      return this.told("store: stale read", node.handle);
    },
    outage: ({ handle }) => {
      handle.isDown = true;
      this.ledger.agenda.after(this.chance.between(1, this.longOutage()), () => {
        handle.isDown = false;
      });
      return this.told("store: unavailable", handle);
    },
    backup: () => this.restoreBackup(Math.min(...this.nodes.map(({ anchor }) => anchor?.generation ?? 0))),
    kill: (node) => {
      if (node.keys === null || !node.clock.isSound || node.anchor === undefined) return false;
      this.told("node: killed and restarted", node);
      node.handle.isDead = true;
      node.keys = null;
      node.answers = null;
      const boot = (): boolean => {
        node.boot().catch(() => this.ledger.agenda.after(1, boot));
        return true;
      };
      this.ledger.agenda.after(this.chance.between(0, 30), boot);
      return false;
    },
    pause: (node) => this.freeze(node, false),
    suspend: (node) => this.freeze(node, true),
    ahead: (node) => this.jump(node, this.chance.between(10, 400), this.chance.between(1, 300)),
    back: (node) => {
      // A process whose machine slept, and whose clock is set back by as much, sees both of its clocks agree.
      if (node.clock.suspendedSeconds !== node.suspendedBefore) return false;
      // Once it has stood for an emit hold, nobody can tell that it is behind.
      const lasts = this.chance.between(1, emitHold(this.ledger.policy).seconds / 2);
      return this.jump(node, -this.chance.between(10, 400), lasts);
    },
    network: () => {
      this.network.isDown = true;
      this.ledger.agenda.after(this.chance.between(1, 120), () => {
        this.network.isDown = false;
      });
      return false;
    },
  };

  /** Sometimes a node is cut off for so long that its answers are worth nothing any more. */
  private longOutage(): number {
    const { policy } = this.ledger;
    return 1.5 * (policy.leaseSeconds + policy.refreshSeconds + maxAgeSeconds(policy));
  }

  /** @param seen the generation that every node has seen: who has not cannot know that there was a newer one */
  private restoreBackup(seen: number): boolean {
    const newest = this.store.present;
    const back = this.ledger.commits - seen + this.chance.whole(1, 3);
    const older = this.store.history.at(-1 - back);
    if (newest === null || older === undefined || older.document === newest.document) return false;
    if (this.store.history.at(-1)?.document !== newest.document) return false;
    this.store.put(older.document);
    this.ledger.injected("store: restored backup");
    this.ledger.story.tell("store", () => "an older backup is restored");
    this.ledger.agenda.after(this.chance.between(1, 60), () => {
      this.store.put(newest.document);
      this.ledger.story.tell("store", () => "the newest ring is put back");
    });
    return false;
  }

  private freeze(node: IssuingNode, isSuspended: boolean): boolean {
    const { agenda } = this.ledger;
    if (node.frozenUntil > agenda.now || !node.clock.isSound) return false;
    // Of a ring read by a wall clock that was ahead, the monotonic clock alone knows the age.
    const { readAt, writingSince } = node.handle;
    if (isSuspended && Math.min(readAt, writingSince ?? readAt) <= node.clock.soundSince) return false;
    const seconds = this.chance.happens(0.2) ? this.chance.between(600, 7200) : this.chance.between(1, 200);
    node.frozenUntil = agenda.now + seconds;
    node.handle.frozenUntil = node.frozenUntil;
    if (isSuspended) node.clock.suspendedSeconds += seconds;
    return this.told(isSuspended ? "node: machine suspended" : "node: process paused", node);
  }

  private jump(node: IssuingNode, by: number, seconds: number): boolean {
    const { agenda } = this.ledger;
    // While it is suspended or its ring is from before that, both of its clocks would lie.
    if (!node.clock.isSound || node.frozenUntil > node.handle.readAt || node.keys === null) return false;
    node.clock.jumpSeconds = by;
    agenda.after(seconds, () => node.clock.mend());
    return this.told(by > 0 ? "clock: jump ahead" : "clock: jump back", node);
  }

  private told(fault: Parameters<Ledger["injected"]>[0], { name }: { readonly name: string }): false {
    this.ledger.injected(fault);
    this.ledger.story.tell(name, () => fault);
    return false;
  }
}
