/** Two servers on one file ring, through a minute of turnovers. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { holdProblems } from "../../src/rehearsal/history.ts";
import { createLedger } from "../../src/rehearsal/ledger.ts";
import type { LogLine } from "../../src/rehearsal/node-process.ts";
import { POLICY } from "../../src/rehearsal/scale.ts";
import { createTimeline } from "../../src/rehearsal/timeline.ts";
import { startTraffic } from "../../src/rehearsal/traffic.ts";
import { loadVerifiers } from "../../src/rehearsal/verifiers.ts";
import { fileStore } from "../../src/store/file.ts";
import { newFolder, startServer, wholeHistory } from "./servers.ts";

const ISSUER = "http://127.0.0.1:9";
const TURNOVERS = 4;
const NAMES = ["keyturn", "jose", "jose-ttl-only"] as const;

it("share a file ring: both sign, every token verifies at the other, and no update is lost", {
  timeout: 150_000,
}, async () => {
  const folder = await newFolder();
  const timeline = createTimeline();
  const startedAt = systemClock.monotonic();
  const own: [number[], number[]] = [[], []];
  const hear = (committed: number[]) => (line: LogLine) => {
    timeline.hear(line, systemClock.monotonic() - startedAt);
    if (line.own === true && line.generation !== undefined) committed.push(line.generation);
  };

  // Both find an empty folder and make what is missing: of each thing there must be one.
  const [a, b] = await Promise.all([
    startServer(folder, hear(own[0]), { issuer: ISSUER }),
    startServer(folder, hear(own[1]), { issuer: ISSUER }),
  ]);
  expect(a.apiToken).toBe(b.apiToken);

  const ledgers = [createLedger(), createLedger()] as const;
  const traffics = await Promise.all(
    [[a, b] as const, [b, a] as const].map(async ([signer, other], i) => {
      const { verifiers } = await loadVerifiers(NAMES, {
        jwksUrl: `${other.url}/.well-known/jwks.json`,
        issuer: ISSUER,
        audience: "the other",
        alg: POLICY.alg,
        cacheSeconds: POLICY.jwksCacheSeconds,
      });
      const { url, apiToken } = signer;
      const ledger = ledgers[i as 0 | 1];
      return startTraffic({ url, apiToken, audience: "the other", verifiers, ledger, clock: systemClock });
    }),
  );

  const turnovers = () => timeline.moments().filter(({ event }) => event === "emit").length;
  await timeline.until("last turnover", () => turnovers() === TURNOVERS, 110, new AbortController().signal);
  await Promise.all(traffics.map((traffic) => traffic.finish()));
  expect(await Promise.all([a.stop(), b.stop()])).toEqual([0, 0]);

  for (const ledger of ledgers) {
    const { honestRejections, unsigned, signedBy, verified } = ledger.read();
    expect({ honestRejections, unsigned }).toEqual({ honestRejections: [], unsigned: [] });
    // Every emitter but the last, which may have had no time, signed at this node.
    expect(Object.keys(signedBy).length).toBeGreaterThanOrEqual(TURNOVERS);
    for (const [kid, tokens] of Object.entries(signedBy)) {
      for (const name of NAMES) expect(verified[name]?.[kid]?.tokens, name).toBe(tokens);
    }
  }

  const records = await wholeHistory(folder);
  expect(holdProblems(records, POLICY)).toEqual([]);
  const emits = records.filter(({ event }) => event === "emit");
  expect(emits.length).toBeGreaterThanOrEqual(TURNOVERS);
  for (const emit of emits.slice(0, TURNOVERS - 2)) {
    expect(records.filter(({ event, oldKid }) => event === "revoke" && oldKid === emit.oldKid)).toHaveLength(
      1,
    );
  }

  // Every commit was made by one node, and each one that a node made is in the history and the store.
  expect([...own[0], ...own[1]].sort((x, y) => x - y)).toEqual(records.map(({ generation }) => generation));
  const stored = await fileStore(join(folder, "ring")).load();
  expect(stored?.revision).toMatch(new RegExp(`^${records.length}\\.`));
});
