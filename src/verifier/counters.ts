/** What happened so far, for metrics. All numbers only ever rise. */
import type { RefusalReason } from "./refusal.ts";

export interface KidCounts {
  verified: number;
  refused: Partial<Record<RefusalReason, number>>;
}

/** A snapshot of the counters. */
export interface VerifierStats {
  /** Tokens accepted, those from the cache included. */
  readonly verified: number;
  /** Tokens accepted from the cache of verified tokens. */
  readonly cached: number;
  /** Tokens refused, by reason. */
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** The same by kid, for kids that the JWKS has or had. Tokens without one count under "". */
  readonly kids: Readonly<
    Record<string, Readonly<{ verified: number; refused: Readonly<Partial<Record<RefusalReason, number>>> }>>
  >;
  /** Requests for a JWKS, by how they ended: `set`, `unchanged`, or the failure. */
  readonly fetches: Readonly<Record<string, number>>;
}

export interface Counters {
  cached: number;
  ofKid(kid: string | null): KidCounts;
  refused(reason: RefusalReason): void;
  fetched(outcome: string): void;
  stats(): VerifierStats;
}

/** Every kid of every JWKS seen: at one turnover a day, years. Older ones then go, the totals stay. */
const KIDS_MAX = 1024;

export function counters(): Counters {
  const kids = new Map<string, KidCounts>();
  const refused: Partial<Record<RefusalReason, number>> = {};
  const fetches: Record<string, number> = {};
  let verifiedByForgotten = 0;

  return {
    cached: 0,
    ofKid(name) {
      const kid = name ?? "";
      const known = kids.get(kid);
      if (known !== undefined) return known;
      const [oldest] = kids.keys();
      if (kids.size >= KIDS_MAX && oldest !== undefined) {
        verifiedByForgotten += kids.get(oldest)?.verified ?? 0;
        kids.delete(oldest);
      }
      const fresh: KidCounts = { verified: 0, refused: {} };
      kids.set(kid, fresh);
      return fresh;
    },
    refused(reason) {
      refused[reason] = (refused[reason] ?? 0) + 1;
    },
    fetched(outcome) {
      fetches[outcome] = (fetches[outcome] ?? 0) + 1;
    },
    stats() {
      let verified = verifiedByForgotten;
      for (const counts of kids.values()) verified += counts.verified;
      return structuredClone({
        verified,
        cached: this.cached,
        refused,
        kids: Object.fromEntries(kids),
        fetches,
      });
    },
  };
}
