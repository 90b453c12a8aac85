/** A Worker that signs by itself with another's ring, at full speed through turnovers, before outside verifiers. */
import { readFileSync } from "node:fs";
import { decodeProtectedHeader } from "jose";
import { expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { JWKS_PATH, startEdge } from "../../src/rehearsal/edge.ts";
import { POLICY } from "../../src/rehearsal/scale.ts";
import { loadVerifiers, VERIFIERS, type VerifierName } from "../../src/rehearsal/verifiers.ts";
import { REHEARSED_VARS } from "./rehearsal-worker.ts";
import { startWorker } from "./running-worker.ts";

const FOLDER = "test/cloudflare/rehearsal-signer";

/** As in manager.toml. */
const ISSUER = "https://auth.example.com";

const CONNECTIONS = 16;

/** From before the first turnover to after it, at the latest moment that it can come. */
const LOAD_SECONDS = 20;

/** Of so many tokens, one is verified: the verifiers must not be what the load waits for. */
const VERIFIED_ONE_IN = 10;

it("signs by itself through a turnover, 16 at once, and no verifier refuses a token", {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const { url } = await startWorker({
    config: `${FOLDER}/wrangler.toml`,
    args: ["--config", `${FOLDER}/manager.toml`],
    vars: { KEYTURN_ISSUER: ISSUER },
  });
  const edge = await startEdge(url, systemClock);
  onTestFinished(edge.close);
  const { verifiers } = await loadVerifiers(
    Object.keys(VERIFIERS) as VerifierName[],
    {
      ...{ jwksUrl: edge.jwksUrl, issuer: ISSUER, audience: "load", alg: POLICY.alg },
      cacheSeconds: POLICY.jwksCacheSeconds,
    },
    `${url}${JWKS_PATH}`,
  );
  const signedBy: Record<string, number> = {};
  const faults: string[] = [];
  const until = systemClock.monotonic() + LOAD_SECONDS;
  let signed = 0;

  async function client(): Promise<void> {
    while (systemClock.monotonic() < until) {
      const answer = await fetch(`${url}/sign`);
      const text = await answer.text();
      if (!answer.ok) {
        faults.push(`${answer.status}: ${text}`);
        continue;
      }
      const { token } = JSON.parse(text) as { token: string };
      const kid = decodeProtectedHeader(token).kid ?? "";
      signedBy[kid] = (signedBy[kid] ?? 0) + 1;
      if (signed++ % VERIFIED_ONE_IN === 0) await check(token);
    }
  }

  async function check(token: string): Promise<void> {
    await Promise.all(
      verifiers.map(({ name, verify }) =>
        verify(token).catch((error: unknown) => void faults.push(`${name}: ${String(error)}`)),
      ),
    );
  }

  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  expect([...new Set(faults)].slice(0, 5)).toEqual([]);
  const counts = Object.values(signedBy);
  expect(counts.length).toBeGreaterThanOrEqual(2);
  for (const count of counts) expect(count).toBeGreaterThan(CONNECTIONS);
});

it("has the manager of the rehearsal's policy", () => {
  const config = readFileSync(`${FOLDER}/manager.toml`, "utf8");
  for (const [name, value] of Object.entries(REHEARSED_VARS))
    expect(config).toContain(`${name} = ${value}\n`);
});
