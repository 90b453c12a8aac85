/** Verifications, from the counters that a verifier keeps itself. */
import { Counter, type Registry } from "prom-client";

/** What of a verifier is measured: `createVerifier` of `keyturn/verifier` makes one. */
export interface ObservedVerifier {
  stats(): {
    readonly kids: Readonly<Record<string, { readonly verified: number; readonly refused: Counts }>>;
    /** All refusals by reason, those of kids that the JWKS never had included. */
    readonly refused: Counts;
  };
}

type Counts = Readonly<Record<string, number | undefined>>;

/** Kids that no JWKS had are whatever a sender made up: they share one series. */
const UNKNOWN_KID = "unknown";

/** Returns the function that adds a verifier, under a name of its own, to those counted. */
export function verifierMetrics(registry: Registry): (name: string, verifier: ObservedVerifier) => void {
  const verifiers = new Map<string, ObservedVerifier>();
  new Counter({
    name: "keyturn_verifications_total",
    help: "Tokens judged by verifiers in this process, by kid and outcome: verified, or why they were refused.",
    labelNames: ["verifier", "kid", "outcome"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [verifier, observed] of verifiers) {
        for (const [kid, outcome, count] of countsOf(observed)) this.inc({ verifier, kid, outcome }, count);
      }
    },
  });
  return (name, verifier) => void verifiers.set(name, verifier);
}

function countsOf(verifier: ObservedVerifier): [kid: string, outcome: string, count: number][] {
  const { kids, refused } = verifier.stats();
  const counts: [string, string, number][] = [];
  const attributed: Record<string, number> = {};
  for (const [kid, { verified, refused: refusedOfKid }] of Object.entries(kids)) {
    counts.push([kid, "verified", verified]);
    for (const [reason, count = 0] of Object.entries(refusedOfKid)) {
      counts.push([kid, reason, count]);
      attributed[reason] = (attributed[reason] ?? 0) + count;
    }
  }
  for (const [reason, count = 0] of Object.entries(refused)) {
    const rest = count - (attributed[reason] ?? 0);
    if (rest > 0) counts.push([UNKNOWN_KID, reason, rest]);
  }
  return counts;
}
