/**
 * A world from one seed: nodes of the product on a simulated store, edges, verifiers, operators, an
 * attacker, and trouble. It lives for so many turnovers, then heals, and what is due must happen.
 */

import { emitHold, retireHold } from "../../src/ring/hold.ts";
import { phaseOf } from "../../src/ring/phase.ts";
import { nextDueAt } from "../../src/ring/plan.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { Agenda } from "./agenda.ts";
import { Attacker } from "./attacker.ts";
import { type Chance, chanceOf } from "./chance.ts";
import { drawnPolicy } from "./drawn-policy.ts";
import { EDGE_KINDS, Edge } from "./edge.ts";
import { FIELD_KINDS, fieldVerifier } from "./field-verifiers.ts";
import { IssuingNode } from "./issuing-node.ts";
import { JwksWatch } from "./jwks-watch.ts";
import { Ledger, type Token, worldTime } from "./ledger.ts";
import { MachineClock } from "./machine-clock.ts";
import { Operator } from "./operator.ts";
import { comeToRest } from "./rest.ts";
import { RingWatch } from "./ring-watch.ts";
import { SimulatedStore } from "./simulated-store.ts";
import { Story } from "./story.ts";
import { type Network, type Post, Traffic } from "./traffic.ts";
import { TroubleMaker } from "./trouble.ts";

export interface WorldOptions {
  readonly seed: number;
  /** How many turnovers to live for, if all goes as planned. */
  readonly turnovers: number;
  readonly nodes: number;
  readonly posts: number;
  readonly isTold: boolean;
  readonly ringOf: (document: string) => KeyRing;
  /** More inhabitants, where the keys are real. */
  readonly settle?: (world: World) => void;
}

export class World {
  readonly agenda = new Agenda(comeToRest);
  readonly story: Story;
  readonly ledger: Ledger;
  readonly nodes: readonly IssuingNode[];
  readonly posts: readonly Post[];
  readonly store: SimulatedStore;
  readonly traffic: Traffic;
  readonly operator: Operator;
  readonly watch: RingWatch;
  readonly jwks: JwksWatch;
  readonly attacker: Attacker;
  readonly network: Network = { isDown: false };
  readonly chance: Chance;
  readonly lifeSeconds: number;
  /** Told of each token that is signed. */
  readonly others: ((token: Token) => void)[] = [];
  readonly trouble: TroubleMaker;
  readonly options: WorldOptions;

  constructor(options: WorldOptions) {
    this.options = options;
    const chance = chanceOf(options.seed);
    this.chance = chance;
    this.story = new Story(this.agenda, options.isTold);
    const policy = drawnPolicy(chance.fork());
    this.lifeSeconds = (options.turnovers + 1) * (policy.rotateEverySeconds + 3);
    this.ledger = new Ledger(this.agenda, chance.fork(), this.story, policy);
    this.story.tell("world", () => `seed ${options.seed}, policy ${JSON.stringify(policy)}`);
    this.watch = new RingWatch(this.ledger);
    this.jwks = new JwksWatch(this.ledger);
    this.store = new SimulatedStore(this.agenda, chance.fork(), this.newClock());
    this.store.onCommit = (document, by) => this.committed(options.ringOf(document), by);
    this.nodes = Array.from({ length: options.nodes }, (_, i) => {
      return new IssuingNode(`node ${i + 1}`, this.newClock(), this.store);
    });
    this.traffic = new Traffic(this.ledger, chance.fork(), this.network);
    this.posts = Array.from({ length: options.posts }, (_, i) => this.newPost(i));
    this.operator = new Operator(this.ledger, chance.fork(), this.watch);
    this.attacker = new Attacker(this.ledger, chance.fork());
    this.trouble = new TroubleMaker(this.ledger, chance.fork(), this.store, this.network);
  }

  /** Somebody's clock, within what the skew allows of any other. */
  newClock(): MachineClock {
    const { clockSeconds } = this.ledger;
    const offset = () =>
      this.chance.happens(0.3)
        ? this.chance.pick([-clockSeconds, clockSeconds])
        : this.chance.between(-clockSeconds, clockSeconds);
    return new MachineClock(this.agenda, [offset(), offset()], this.lifeSeconds);
  }

  newEdge(): Edge {
    const chance = this.chance.fork();
    return new Edge(chance.pick(EDGE_KINDS), this.agenda, chance, (etag) =>
      this.jwks.ask(chance.pick(this.nodes), etag),
    );
  }

  private newPost(index: number): Post {
    const kind = this.chance.happens(0.5) ? this.chance.pick(FIELD_KINDS) : "jose";
    const verifier = fieldVerifier(kind, () => this.ledger.policy.jwksCacheSeconds);
    return { name: `${kind} ${index + 1}`, verifier, clock: this.newClock(), edge: this.newEdge() };
  }

  private nodeOf(name: string): IssuingNode | undefined {
    return this.nodes.find((node) => node.name === name);
  }

  private committed(ring: KeyRing, by: string): void {
    const { turnovers } = this.ledger;
    this.watch.see(ring, by);
    // What the new emitter signs at once is what some verifier may not know.
    if (this.ledger.turnovers === turnovers) return;
    const node = this.nodeOf(by);
    if (node !== undefined)
      this.agenda.after(this.chance.between(0, 0.5), () => this.signFor(node, this.posts));
  }

  signFor(node: IssuingNode, posts: readonly Post[]): boolean {
    return this.traffic.sign(node, (token) => {
      for (const other of this.others) other(token);
      for (const post of posts)
        this.agenda.after(this.chance.between(0, 1), () => this.traffic.present(post, token));
      const late = this.chance.pick(this.posts);
      const last = token.expiresAt + this.ledger.policy.leewaySeconds + this.chance.between(-3, 1);
      this.agenda.at(last, () => this.traffic.present(late, token));
    });
  }

  async live(): Promise<Ledger> {
    const { agenda, ledger } = this;
    const stopped = () => ledger.violation !== null;
    this.options.settle?.(this);
    for (const node of this.nodes) this.begin(node);
    await agenda.run(10, stopped);
    this.beginTraffic();
    this.trouble.begin(this.nodes, 2 + ledger.policy.rotateEverySeconds / 4, this.lifeSeconds);
    this.beginOperator();
    await agenda.run(this.lifeSeconds, stopped);
    if (!stopped()) await this.assertLiveness(stopped);
    if (!stopped()) this.operator.assertAccounts();
    return ledger;
  }

  private begin(node: IssuingNode): void {
    const { policy } = this.ledger;
    const boot = (): boolean => {
      node.boot(policy).catch(() => this.agenda.after(1, boot));
      return true;
    };
    this.agenda.at(this.chance.between(0, 0.2), boot);
    this.every(policy.refreshSeconds - 0.5, node, "refresh", () => node.keys?.refresh());
    this.every(this.chance.between(1, policy.refreshSeconds), node, "tick", () => this.tick(node));
  }

  /** I10: however late it comes, a tick takes one step. */
  private async tick(node: IssuingNode): Promise<void> {
    const { keys, handle, commands } = node;
    const { given, done } = commands;
    const writes = handle.writes;
    await keys?.tick();
    const steps = handle.writes - writes;
    const isAlone = given === done && commands.given === given;
    if (isAlone && steps > 1) this.ledger.violate("I10", `one tick of ${node.name} committed ${steps} times`);
  }

  private every(
    seconds: number,
    node: IssuingNode,
    what: string,
    work: () => Promise<unknown> | undefined,
  ): void {
    const again = (): boolean => {
      this.agenda.after(seconds, again);
      const { keys } = node;
      if (!node.isUp(this.agenda.now) || node.underWay.has(what)) return false;
      if (what === "tick") node.underWay.add(what);
      const done = () => {
        if (node.keys === keys) node.underWay.delete(what);
      };
      void work()?.then(done, done);
      return true;
    };
    this.agenda.after(this.chance.between(0.3, 1) * seconds, again);
  }

  private beginTraffic(): void {
    const { rotateEverySeconds } = this.ledger.policy;
    const again = (): boolean => {
      this.agenda.after(this.chance.between(0, rotateEverySeconds / 3), again);
      for (const { post, token } of this.attacker.attempts(this.posts)) this.traffic.present(post, token);
      return this.signFor(this.chance.pick(this.nodes), [this.chance.pick(this.posts)]);
    };
    this.agenda.after(1, again);
  }

  private beginOperator(): void {
    const every = this.ledger.policy.rotateEverySeconds * this.chance.pick([0.5, 2, 8]);
    const again = (): boolean => {
      if (this.agenda.now > this.lifeSeconds) return false;
      this.agenda.after(this.chance.between(0, 2 * every), again);
      const at = this.operator.worstMoment();
      if (at <= this.lifeSeconds)
        this.agenda.at(at, () => this.operator.command(this.chance.pick(this.nodes)));
      return false;
    };
    this.agenda.after(this.chance.between(0, every), again);
  }

  /** I20: once all is well, what is due happens, and every node sees the same ring. */
  private async assertLiveness(stopped: () => boolean): Promise<void> {
    const { agenda, ledger } = this;
    this.trouble.heal(this.nodes);
    this.story.tell("world", () => "all is well from now on");
    await agenda.run(
      Math.max(agenda.now, ...this.nodes.map(({ frozenUntil }) => frozenUntil)) + 130,
      stopped,
    );
    const { ring } = this.watch;
    if (ring === null) return ledger.violate("I20", "there is no ring");
    await this.finish(() => this.resume(this.nodes[0]), stopped);
    const emitter = emitterIn(this.watch.ring as KeyRing);
    // A clock that was ahead may have written instants that are yet to come.
    const from = Math.max(agenda.now, worldTime((this.watch.ring as KeyRing).committedAt));
    await agenda.run(from + this.dueWithin(this.ledger.policy), stopped);
    if (stopped()) return;
    const last = this.watch.ring as KeyRing;
    if (emitterIn(last) === emitter) ledger.violate("I20", "nothing turns over any more");
    for (const node of this.nodes) {
      if (node.keys === null) ledger.violate("I20", `${node.name} is not up`);
      await this.finish(() => node.keys?.refresh(), stopped);
      if (node.keys !== null && node.keys.ring().generation < last.generation)
        ledger.violate("I20", `${node.name} is behind`);
    }
    const dueAt = nextDueAt(last);
    if (dueAt !== null && worldTime(dueAt) < agenda.now - 60) ledger.violate("I20", "a step is overdue");
  }

  private resume(node: IssuingNode | undefined): Promise<unknown> | undefined {
    if (node === undefined) return undefined;
    const { commands } = node;
    commands.given++;
    return node.keys?.resume({ reason: "all is well" }).finally(() => commands.done++);
  }

  /** Does it, and lets the time pass that it takes. */
  private async finish(work: () => Promise<unknown> | undefined, stopped: () => boolean): Promise<void> {
    this.agenda.after(0, () => {
      work()?.catch(() => undefined);
      return true;
    });
    await this.agenda.run(this.agenda.now + 5, stopped);
  }

  private dueWithin(policy: RotationPolicy): number {
    return policy.rotateEverySeconds + 2 * emitHold(policy).seconds + retireHold(policy).seconds + 400;
  }
}

function emitterIn(ring: KeyRing): string | undefined {
  return ring.keys.find((key) => phaseOf(key) === "emitting")?.kid;
}
