/**
 * `npm run soak -- --minutes N`: two real servers on one ring, nginx as a caching edge before them,
 * the verifiers that people use, and turnovers without pause, each wait as the policy demands. What
 * leaks, drifts or fails once in a thousand turnovers shows here, if it is given the time.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { systemClock } from "../../src/clock.ts";
import { readAuditLog } from "../../src/node/audit-log.ts";
import { holdProblems } from "../../src/rehearsal/history.ts";
import { createLedger, type Ledger } from "../../src/rehearsal/ledger.ts";
import { type NodeProcess, startNode } from "../../src/rehearsal/node-process.ts";
import { POLICY, REHEARSED_POLICY } from "../../src/rehearsal/scale.ts";
import { startTraffic } from "../../src/rehearsal/traffic.ts";
import { loadVerifiers, VERIFIERS, type VerifierName } from "../../src/rehearsal/verifiers.ts";
import { verifyChain } from "../../src/ring/audit.ts";
import { consumption, type Growth, isFlat } from "./consumption.ts";
import { nginxPath, startNginx } from "./nginx.ts";

const HELP = `Usage: npm run soak -- [--minutes N]

Two servers, nginx before them, every verifier that is installed, a turnover every
${POLICY.rotateEverySeconds} seconds. Needs nginx (Debian: apt-get install nginx-light) and Linux.

  --minutes <n>  how long; default 10
  --help         this
`;

const AUDIENCE = "soak";
const ISSUER = "http://127.0.0.1:9";
const SAMPLE_SECONDS = 5;
const REPORT_SECONDS = 60;

async function soak(minutes: number): Promise<boolean> {
  const binary = nginxPath();
  if (binary === null) throw new Error("nginx is not installed. Debian: apt-get install nginx-light");
  const folder = await mkdtemp(join(tmpdir(), "keyturn-soak-"));
  const endings: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const node = () => startServer(folder);
    const servers = [await node(), await node()] as const;
    for (const server of servers) endings.push(() => server.stop());
    const nginx = await startNginx(
      binary,
      join(folder, "nginx"),
      servers.map(({ url }) => url),
    );
    endings.push(() => nginx.stop());

    const ledger = createLedger();
    const { verifiers } = await loadVerifiers(Object.keys(VERIFIERS) as VerifierName[], {
      jwksUrl: `${nginx.url}/.well-known/jwks.json`,
      issuer: ISSUER,
      audience: AUDIENCE,
      alg: POLICY.alg,
      cacheSeconds: POLICY.jwksCacheSeconds,
    });
    const traffics = servers.map(({ url, apiToken }) =>
      startTraffic({ url, apiToken, audience: AUDIENCE, verifiers, ledger, clock: systemClock }),
    );
    const weighed = consumption({ "first server": servers[0].pid, "second server": servers[1].pid });
    for (let second = 0; second < minutes * 60; second += SAMPLE_SECONDS) {
      await delay(SAMPLE_SECONDS * 1000);
      weighed.sample();
      if ((second + SAMPLE_SECONDS) % REPORT_SECONDS === 0) print(progress(ledger));
    }
    await Promise.all(traffics.map((traffic) => traffic.finish()));

    const history = await readAuditLog(join(folder, "audit.jsonl"));
    await verifyChain(history);
    const problems = holdProblems(history, POLICY);
    const turnovers = history.filter(({ event }) => event === "emit").length;
    return report(ledger, weighed.summary(), turnovers, problems);
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

function startServer(folder: string): Promise<NodeProcess> {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("KEYTURN_")),
  );
  const settings = {
    ...REHEARSED_POLICY,
    issuer: ISSUER,
    listen: "127.0.0.1:0",
    tickSchedule: "* * * * * *",
  };
  const cli = resolve("dist/cli/main.js");
  return startNode({ cli, folder, environment, settings }, new AbortController().signal);
}

function progress(ledger: Ledger): string {
  const { honestRejections, unsigned } = ledger.read();
  return `${checksOf(ledger)} verifications, ${honestRejections.length} rejected, ${unsigned.length} not signed`;
}

function checksOf(ledger: Ledger): number {
  const byKid = Object.values(ledger.read().verified).flatMap((kids) => Object.values(kids));
  return byKid.reduce((sum, { checks }) => sum + checks, 0);
}

function report(
  ledger: Ledger,
  growth: readonly Growth[],
  turnovers: number,
  problems: readonly string[],
): boolean {
  const { honestRejections, unsigned, verified } = ledger.read();
  print("");
  for (const [name, kids] of Object.entries(verified)) {
    const checks = Object.values(kids).reduce((sum, kid) => sum + kid.checks, 0);
    print(`${name.padEnd(16)} ${checks} verifications of ${Object.keys(kids).length} keys`);
  }
  for (const { name, megabytes, descriptors } of growth) {
    const [before, after] = megabytes.map((value) => value.toFixed(1));
    print(`${name.padEnd(16)} ${before} → ${after} MB, ${descriptors.join(" → ")} descriptors`);
  }
  for (const { verifier, kid, ageSeconds, reason } of honestRejections.slice(0, 5))
    print(`rejected by ${verifier}: ${kid}, ${ageSeconds} s old: ${reason}`);
  for (const problem of [...unsigned.slice(0, 5), ...problems]) print(problem);
  print(`${turnovers} turnovers, ${progress(ledger)}, ${problems.length} holds too short`);
  return honestRejections.length + unsigned.length + problems.length === 0 && growth.every(isFlat);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, help: { type: "boolean", default: false } },
});
const minutes = Number(values.minutes);
if (values.help) print(HELP);
else if (!(minutes > 0)) {
  process.stderr.write(`soak: --minutes is not a number of minutes.\n${HELP}`);
  process.exitCode = 2;
} else {
  const passed = await soak(minutes);
  print(passed ? "Passed." : "FAILED.");
  process.exitCode = passed ? 0 : 1;
}
