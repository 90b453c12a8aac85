/** How long a fresh process takes from importing a verifier to the first token verified by a JWKS that it fetched. */
import { median } from "./interleave.ts";
import { type Issuer, openIssuer } from "./issuer.ts";
import { CLAIMS, ISSUER } from "./peers.ts";
import { reply, start, stop } from "./processes.ts";
import type { Figure, Group } from "./report.ts";
import type { FirstToken, Starter } from "./verify-start-process.ts";

const GROUP = "verify-start";

const STARTERS: readonly Starter[] = ["raw", "keyturn", "jose"];

export const verifyStartGroups: readonly Group[] = [
  { name: GROUP, run: ({ quick }) => measure(quick ? 1 : 15) },
];

async function measure(samples: number): Promise<Figure[]> {
  const issuer = await openIssuer("ES256");
  const milliseconds = new Map(STARTERS.map((starter) => [starter, [] as number[]]));
  try {
    // In turns, so that a disturbance hits all of them.
    for (let sample = 0; sample < samples; sample++)
      for (const starter of STARTERS) milliseconds.get(starter)?.push(await startOnce(starter, issuer));
  } finally {
    issuer.close();
  }
  return STARTERS.map((starter) => {
    const middle = median(milliseconds.get(starter) ?? []);
    return {
      group: GROUP,
      case: starter,
      opsPerSecond: 1000 / middle,
      ratio: null,
      milliseconds: middle,
    };
  });
}

async function startOnce(starter: Starter, issuer: Issuer): Promise<number> {
  const child = start(new URL("./verify-start-process.ts", import.meta.url), "server");
  try {
    child.send({
      starter,
      token: await issuer.sign(),
      jwksUrl: issuer.jwksUrl,
      expected: { issuer: ISSUER, audience: CLAIMS.aud },
    } satisfies FirstToken);
    const answer = await reply<number | { readonly error: string }>(child);
    if (typeof answer === "object") throw new Error(`${starter}: ${answer.error}`);
    return answer;
  } finally {
    await stop(child);
  }
}
