/** What a thread is told to simulate, and what it reports. */
import type { FaultCounts } from "./faults.ts";
import { noFaults, sumOfFaults } from "./faults.ts";
import type { ModulePatch } from "./module-patches.ts";
import type { Violation } from "./story.ts";

/** `full`: real keys, documents, signatures and our own verifier. `lean`: all rules and the manager, with stand-in keys. */
export type WorldKind = "full" | "lean";

export interface Job {
  readonly kind: WorldKind;
  readonly firstSeed: number;
  readonly worlds: number;
  /** For how many turnovers each world is planned. */
  readonly turnovers: number;
  readonly patches?: readonly ModulePatch[];
  /** Ends with the first world that breaks a promise. */
  readonly untilBroken?: boolean;
  readonly isTold?: boolean;
}

export interface Broken extends Violation {
  readonly kind: WorldKind;
  readonly seed: number;
}

export interface Summary {
  readonly worlds: number;
  readonly turnovers: number;
  readonly commits: number;
  readonly events: number;
  readonly tokens: number;
  readonly verified: number;
  readonly unavailable: number;
  readonly excused: number;
  readonly served: number;
  readonly refusedRevoked: number;
  readonly faults: FaultCounts;
  readonly margins: {
    readonly publication: number;
    readonly retirement: number;
    readonly revocation: number;
  };
  readonly broken: readonly Broken[];
  /** Told only on demand. */
  readonly stories: readonly string[];
}

export const NOTHING: Summary = {
  worlds: 0,
  turnovers: 0,
  commits: 0,
  events: 0,
  tokens: 0,
  verified: 0,
  unavailable: 0,
  excused: 0,
  served: 0,
  refusedRevoked: 0,
  faults: noFaults(),
  margins: { publication: Infinity, retirement: Infinity, revocation: Infinity },
  broken: [],
  stories: [],
};

export function added(one: Summary, other: Summary): Summary {
  return {
    worlds: one.worlds + other.worlds,
    turnovers: one.turnovers + other.turnovers,
    commits: one.commits + other.commits,
    events: one.events + other.events,
    tokens: one.tokens + other.tokens,
    verified: one.verified + other.verified,
    unavailable: one.unavailable + other.unavailable,
    excused: one.excused + other.excused,
    served: one.served + other.served,
    refusedRevoked: one.refusedRevoked + other.refusedRevoked,
    faults: sumOfFaults([one.faults, other.faults]),
    margins: {
      publication: Math.min(one.margins.publication, other.margins.publication),
      retirement: Math.min(one.margins.retirement, other.margins.retirement),
      revocation: Math.min(one.margins.revocation, other.margins.revocation),
    },
    broken: [...one.broken, ...other.broken],
    stories: [...one.stories, ...other.stories],
  };
}
