/** Tokens: who signs them, who is shown them, and what must come of it. */
import type { Chance } from "./chance.ts";
import type { Delivered, Edge } from "./edge.ts";
import type { FieldVerifier } from "./field-verifiers.ts";
import type { IssuingNode } from "./issuing-node.ts";
import { type Ledger, pathSeconds, type Token, worldTime } from "./ledger.ts";
import { EPOCH, type MachineClock } from "./machine-clock.ts";

/** A verifier at its place: a clock of its own, and an edge between it and the nodes. */
export interface Post {
  readonly name: string;
  readonly verifier: FieldVerifier;
  readonly clock: MachineClock;
  readonly edge: Edge;
}

export interface Network {
  /** The JWKS cannot be fetched. */
  isDown: boolean;
}

/** How long the freshest tokens are remembered, to be shown again. */
const REMEMBERED = 40;

export class Traffic {
  readonly recent: Token[] = [];
  private readonly ledger: Ledger;
  private readonly chance: Chance;
  private readonly network: Network;
  private subject = 0;

  constructor(ledger: Ledger, chance: Chance, network: Network) {
    this.ledger = ledger;
    this.chance = chance;
    this.network = network;
  }

  /** Has the node sign. What is signed is shown to verifiers by `then`. */
  sign(node: IssuingNode, then: (token: Token) => void): boolean {
    const { keys } = node;
    if (keys === null || !node.isUp(this.ledger.agenda.now) || node.underWay.has("sign")) return false;
    node.underWay.add("sign");
    this.subject++;
    const longest = keys.ring().policy.tokenSeconds;
    const lifetime = this.chance.happens(0.7) ? longest : this.chance.whole(1, longest);
    keys.sign({ sub: `user ${this.subject}` }, { expiresInSeconds: lifetime }).then(
      ({ token, kid, expiresAt }) => {
        node.underWay.delete("sign");
        if (node.keys !== keys) return;
        this.assertLease(node);
        const inTime = expiresAt === node.clock.now() + lifetime;
        if (!inTime) this.ledger.violate("I17", `${node.name} stamps ${expiresAt}`);
        const signed = { token, kid, expiresAt: worldTime(expiresAt), isHonest: node.clock.isSound };
        this.ledger.signed(signed);
        this.recent.push(signed);
        if (this.recent.length > REMEMBERED) this.recent.shift();
        then(signed);
      },
      () => void node.underWay.delete("sign"),
    );
    return true;
  }

  /** I16: who signs has read the ring within the lease, in true time. */
  private assertLease(node: IssuingNode): void {
    const age = node.ageSeconds(this.ledger.agenda.now);
    const lease = node.keys?.ring().policy.leaseSeconds ?? 0;
    if (age > lease + 1)
      this.ledger.violate(
        "I16",
        `${node.name} signs with a ring of ${age.toFixed(1)} s, the lease is ${lease} s`,
      );
  }

  present(post: Post, token: Token): boolean {
    const { now } = this.ledger.agenda;
    if (!post.verifier.mustFetch(token.kid, now)) {
      this.judge(post, token, false);
      return false;
    }
    const leg = this.legSeconds();
    const answer = this.fetch(post.edge, leg);
    const arrived = () => {
      post.verifier.take(answer, token.kid, this.ledger.agenda.now);
      this.judge(post, token, answer === null);
    };
    if (leg === 0) arrived();
    else this.ledger.agenda.after(leg, arrived);
    return false;
  }

  /** Most answers come at once; some take all the time that a fetch has. */
  legSeconds(): number {
    if (this.chance.happens(0.7)) return 0;
    if (this.chance.happens(0.5)) return this.chance.between(0, this.ledger.policy.fetchSeconds);
    this.ledger.injected("jwks: slow fetch");
    return this.ledger.policy.fetchSeconds;
  }

  fetch(edge: Edge, legSeconds: number): Delivered | null {
    if (this.network.isDown) {
      this.ledger.injected("jwks: endpoint down");
      return null;
    }
    const answer = edge.get(legSeconds);
    if (answer !== null && edge.kind === "no Age") this.ledger.injected("edge: no Age");
    if (answer !== null && edge.kind === "no Cache-Control") this.ledger.injected("edge: no Cache-Control");
    if (answer?.taint === "edge serves too long") this.ledger.injected("edge: serves too long");
    return answer;
  }

  private judge(post: Post, token: Token, fetchFailed: boolean): void {
    const { known, taint } = post.verifier.find(token.kid, this.ledger.agenda.now);
    const verdict = known ? "accepted" : fetchFailed ? "unavailable" : "rejected";
    this.conclude(post.name, post.clock, token, verdict, taint, post.verifier.forgets ? 0 : null);
  }

  /**
   * I1 and I5. @param graceSeconds beyond the caches for which this verifier may accept a revoked key;
   * null where nothing bounds it
   */
  conclude(
    who: string,
    clock: MachineClock,
    token: Token,
    verdict: "accepted" | "rejected" | "unavailable",
    taint: string | null,
    graceSeconds: number | null,
  ): void {
    const { ledger } = this;
    const { now } = ledger.agenda;
    if (clock.now() - EPOCH >= token.expiresAt + ledger.policy.leewaySeconds) return;
    ledger.counts.verified++;
    if (taint !== null || verdict === "unavailable") {
      ledger.counts[taint === null ? "unavailable" : "excused"]++;
      return;
    }
    const facts = ledger.factsOf(token.kid);
    const name = ledger.story.nameOf(token.kid);
    if (verdict === "rejected") {
      if (facts.compromisedAt !== null) ledger.counts.refusedRevoked++;
      else if (token.isHonest && !facts.isEarly)
        ledger.violate("I1", `${who} rejects an honest token of ${name}`);
      return;
    }
    if (facts.compromisedAt === null || graceSeconds === null) return;
    const bound = Math.max(facts.revokedEverywhereAt, facts.compromisedAt + pathSeconds(ledger.policy));
    const margin = bound + graceSeconds + READ_SECONDS - now;
    ledger.margins.revocation = Math.min(ledger.margins.revocation, margin);
    if (margin < 0)
      ledger.violate("I5", `${who} accepts ${name} ${(-margin).toFixed(1)} s after it must not`);
  }
}

/** A node's reading of the store takes a moment, in which what it reads grows old. */
const READ_SECONDS = 1;
