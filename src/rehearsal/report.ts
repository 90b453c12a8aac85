/** What came of a rehearsal, and whether that is good enough. */
import type { RotationPolicy } from "../ring/policy.ts";
import { EMITTING_EVENTS } from "./history.ts";
import type { Books } from "./ledger.ts";
import type { Moment } from "./timeline.ts";
import type { Verifier, VerifierName } from "./verifiers.ts";

export interface Report extends Books {
  readonly passed: boolean;
  /** Why it did not pass; empty when it did. */
  readonly problems: readonly string[];
  readonly seconds: number;
  /** Where the ring was kept. */
  readonly store: string;
  /** The policy's members that differ from the defaults: the scale of the rehearsal. */
  readonly policy: Partial<RotationPolicy>;
  readonly timeline: readonly Moment[];
  readonly verifiers: readonly string[];
  /** Verifiers that were left out because their packages are not installed. */
  readonly missing: readonly VerifierName[];
  /** Requests to the cache between server and verifiers, and from it. */
  readonly edge: { readonly served: number; readonly fetched: number };
  /** Null when the rehearsal did not get that far. */
  readonly emergency: Emergency | null;
}

/** How an emergency revoke went. */
export interface Emergency {
  readonly kid: string;
  readonly successor: string;
  /** What the revoke promised: refused by every verifier that honours the cache TTL, within so many seconds. */
  readonly boundSeconds: number;
  /** When each verifier first refused the key; null when it had not by then. */
  readonly refusedAfterSeconds: Readonly<Record<string, number | null>>;
}

/** So that a key's zero rejections are no accident. */
export const TOKENS_PER_KEY_MIN = 10;

/** Everything that must not be, in words. */
export function problemsOf(
  books: Books,
  timeline: readonly Moment[],
  verifiers: readonly Verifier[],
  emergency: Emergency | null,
): string[] {
  return [
    ...rejectionProblems(books),
    ...books.unsigned.slice(0, 1).map((why) => `No token was signed ${books.unsigned.length} times: ${why}`),
    ...coverageProblems(books, timeline, verifiers),
    ...(emergency === null ? [] : revocationProblems(emergency, verifiers)),
  ];
}

/** The kids that have emitted, in the order in which they first did. */
export function emittedKids(timeline: readonly Moment[]): string[] {
  const emitters = timeline.filter(({ event }) => EMITTING_EVENTS.includes(event));
  return [...new Set(emitters.map(({ newKid }) => newKid).filter((kid) => kid !== null))];
}

function rejectionProblems({ honestRejections }: Books): string[] {
  const [first] = honestRejections;
  if (first === undefined) return [];
  const { verifier, kid, ageSeconds, reason } = first;
  return [
    `Honest tokens were rejected ${honestRejections.length} times, first by ${verifier}: ` +
      `a token of ${kid}, ${ageSeconds} s old: ${reason}`,
  ];
}

function coverageProblems(
  { verified }: Books,
  timeline: readonly Moment[],
  verifiers: readonly Verifier[],
): string[] {
  return emittedKids(timeline).flatMap((kid) =>
    verifiers.flatMap(({ name }) => {
      const tokens = verified[name]?.[kid]?.tokens ?? 0;
      return tokens >= TOKENS_PER_KEY_MIN ? [] : [`${name} verified only ${tokens} tokens of ${kid}.`];
    }),
  );
}

function revocationProblems(
  { kid, boundSeconds, refusedAfterSeconds }: Emergency,
  verifiers: readonly Verifier[],
): string[] {
  return verifiers
    .filter(({ name, forgets }) => forgets && (refusedAfterSeconds[name] ?? null) === null)
    .map(({ name }) => `${name} still trusted the revoked ${kid} after the bound of ${boundSeconds} s.`);
}
