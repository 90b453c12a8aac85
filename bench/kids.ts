/** What a flood of forged tokens costs, no two of the same kid or issuer: memory, and requests for the JWKS. */
import { openIssuer } from "./issuer.ts";
import type { Flood, Withstood } from "./kids-process.ts";
import { CLAIMS, ISSUER } from "./peers.ts";
import { reply, start, stop } from "./processes.ts";
import type { Figure, Group } from "./report.ts";

/** Of the heap after the first tokens. */
const TARGET_GROWTH = 0.05;

/** What strangers can make a verifier ask for: two at once, and one more every 30 s. */
const REQUESTS_AT_ONCE = 2;
const SECONDS_PER_REQUEST = 30;

const GROUP = "verify-kids";

export const kidsGroups: readonly Group[] = [
  {
    name: GROUP,
    run: ({ quick }) =>
      measure(quick ? { first: 1000, tokens: 10_000 } : { first: 100_000, tokens: 1_000_000 }),
  },
];

async function measure(count: Pick<Flood, "first" | "tokens">): Promise<Figure[]> {
  const issuer = await openIssuer("ES256");
  const child = start(new URL("./kids-process.ts", import.meta.url), "server");
  try {
    child.send({ ...count, jwksUrl: issuer.jwksUrl, issuer: ISSUER, claims: CLAIMS } satisfies Flood);
    const answer = await reply<Withstood | { readonly error: string }>(child);
    if ("error" in answer) throw new Error(answer.error);
    const { early, late, seconds, tokensPerSecond } = answer;
    // The first of all is everybody's: the keys have to come from somewhere.
    const requests = issuer.requests() - 1;
    return [
      { ...figure("raw"), megabytes: early },
      {
        ...figure("keyturn"),
        opsPerSecond: tokensPerSecond,
        megabytes: late,
        growth: late / early - 1,
        target: TARGET_GROWTH,
      },
      {
        ...figure("keyturn, JWKS"),
        requests,
        target: REQUESTS_AT_ONCE + Math.floor(seconds / SECONDS_PER_REQUEST),
      },
    ];
  } finally {
    await stop(child);
    issuer.close();
  }
}

/** `raw` is this very verifier after its first tokens. */
function figure(name: string): Figure {
  return { group: GROUP, case: name, opsPerSecond: null, ratio: null };
}
