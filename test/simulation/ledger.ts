/** What is true in a world, kept apart from what the product believes: keys, tokens, and who is excused. */
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import { type Fault, type FaultCounts, noFaults } from "./faults.ts";
import { EPOCH } from "./machine-clock.ts";
import type { Story, Violation } from "./story.ts";

/**
 * How much of the skew is for the rounding of instants to whole seconds: two for what is dated when it is
 * decided and not when it arrives, one for the witness of time.
 */
const ROUNDING_SECONDS = 3;

export interface Token {
  readonly token: string;
  readonly kid: string;
  /** Its `exp`, in seconds of the world. */
  readonly expiresAt: number;
  /** False where a clock beyond the skew stamped it, or an attacker did. */
  readonly isHonest: boolean;
}

export interface KidFacts {
  /** True instant of the commit that published it; null before. */
  publishedAt: number | null;
  /** Before this, some copy of a JWKS may lack it. */
  knownEverywhereAt: number;
  /** The last honest token's `exp`. */
  lastExpiresAt: number;
  /** True instant of an operator's revoke. */
  compromisedAt: number | null;
  /** By when, after that, no copy of a JWKS has it. */
  revokedEverywhereAt: number;
  /** Emitted before its hold, by an audited emergency. */
  isEarly: boolean;
}

/** The sum of what may lie between a node and a verifier's last use of its answer; the reliability section's P. */
export function pathSeconds(policy: RotationPolicy): number {
  const { refreshSeconds, fetchSeconds, skewSeconds, jwksCacheSeconds } = policy;
  const maxAge = jwksCacheSeconds - (refreshSeconds + 2 * fetchSeconds + skewSeconds);
  return refreshSeconds + 2 * fetchSeconds + maxAge + jwksCacheSeconds;
}

export class Ledger {
  readonly kids = new Map<string, KidFacts>();
  readonly faults: FaultCounts = noFaults();
  readonly margins = { publication: Infinity, retirement: Infinity, revocation: Infinity };
  readonly counts = { tokens: 0, verified: 0, excused: 0, unavailable: 0, served: 0, refusedRevoked: 0 };
  /** Emitter changes; commits of any kind. */
  turnovers = 0;
  commits = 0;
  violation: Violation | null = null;
  /** The policy of the newest commit. */
  policy: RotationPolicy;
  readonly agenda: Agenda;
  readonly chance: Chance;
  readonly story: Story;

  constructor(agenda: Agenda, chance: Chance, story: Story, policy: RotationPolicy) {
    this.agenda = agenda;
    this.chance = chance;
    this.story = story;
    this.policy = policy;
  }

  /** Half of what two clocks may differ by. */
  get clockSeconds(): number {
    return Math.max(0, (this.policy.skewSeconds - ROUNDING_SECONDS) / 2);
  }

  /** The first one counts: what follows may only be its consequence. */
  violate(invariant: string, what: string): void {
    if (this.violation !== null) return;
    this.violation = { invariant, at: this.agenda.now, what };
    this.story.tell("VIOLATION", () => `${invariant}: ${what}`);
  }

  injected(fault: Fault): void {
    this.faults[fault]++;
  }

  factsOf(kid: string): KidFacts {
    const known = this.kids.get(kid);
    if (known !== undefined) return known;
    const facts: KidFacts = {
      publishedAt: null,
      knownEverywhereAt: 0,
      lastExpiresAt: Number.NEGATIVE_INFINITY,
      compromisedAt: null,
      revokedEverywhereAt: Infinity,
      isEarly: false,
    };
    this.kids.set(kid, facts);
    return facts;
  }

  signed({ kid, expiresAt, isHonest }: Token): void {
    this.counts.tokens++;
    const facts = this.factsOf(kid);
    if (isHonest) facts.lastExpiresAt = Math.max(facts.lastExpiresAt, expiresAt);
  }

  /** Until when some verifier whose clock is within the skew accepts the key's last honest token. */
  neededUntil(kid: string): number {
    return this.factsOf(kid).lastExpiresAt + this.policy.leewaySeconds + this.clockSeconds;
  }

  isExcused(kid: string): boolean {
    const { compromisedAt, isEarly } = this.factsOf(kid);
    return compromisedAt !== null || isEarly;
  }
}

/** The world's seconds of an epoch instant. */
export function worldTime(instant: number): number {
  return instant - EPOCH;
}
