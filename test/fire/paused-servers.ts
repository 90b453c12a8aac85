/**
 * A real `keyturn serve` that is stopped (SIGSTOP) for longer than its lease, while its emitter is
 * revoked by another process. A request for a token waits when it wakes (SIGCONT): the answer must
 * come from the ring as it is by then, or be a refusal when the ring cannot be read.
 */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/clock.ts";
import type { NodeProcess } from "../../src/rehearsal/node-process.ts";
import { POLICY } from "../../src/rehearsal/scale.ts";
import type { Row } from "../proof/section.ts";
import { inScratch } from "./scratch.ts";
import { type Signature, signed, startServer } from "./server.ts";
import { part, verdict } from "./verdict.ts";

/** Of the full run, each with two pauses at a time. */
const SERVERS = 24;
/** They do nothing most of the time. */
const SERVERS_ABREAST = 6;

export async function pausedServers(share: number): Promise<Row[]> {
  const servers = part(share, SERVERS);
  const violations: string[] = [];
  const answers: Signature[] = [];
  for (let first = 0; first < servers; first += SERVERS_ABREAST) {
    const abreast = Array.from({ length: Math.min(SERVERS_ABREAST, servers - first) }, () =>
      inScratch(pausedTwice),
    );
    for (const paused of await Promise.all(abreast)) {
      violations.push(...paused.violations);
      answers.push(...paused.answers);
    }
  }
  const fresh = answers.filter(({ status }) => status === 200).length;
  const figure = `${answers.length} pauses: first answer by the fresh ring ${fresh}, refused ${answers.length - fresh}`;
  return [verdict("a serving process stopped for longer than its lease", figure, violations)];
}

async function pausedTwice(folder: string): Promise<{ violations: string[]; answers: Signature[] }> {
  const server = await startServer(folder);
  const ring = join(folder, "ring");
  const violations: string[] = [];
  try {
    const revoked: string[] = [];
    const readable = await pausedWhile(server, async () => void revoked.push(await revokedEmitter(server)));
    if (readable.status !== 200 && readable.code !== "ring_stale")
      violations.push(`woken, it answered ${readable.code}`);
    if (revoked.includes(readable.kid ?? ""))
      violations.push("woken, it signed with the key revoked meanwhile");

    const unreadable = await pausedWhile(server, async () => {
      revoked.push(await revokedEmitter(server));
      await rename(ring, `${ring}.away`);
    });
    if (unreadable.code !== "ring_stale")
      violations.push(`woken without its ring, it answered ${unreadable.status} ${unreadable.code ?? ""}`);
    await rename(`${ring}.away`, ring);
    const recovered = await signedAgain(server);
    if (recovered.status !== 200) violations.push(`with its ring back, it answered ${recovered.code}`);
    if (revoked.includes(recovered.kid ?? ""))
      violations.push("with its ring back, it signed with a revoked key");
    return { violations, answers: [readable, unreadable] };
  } finally {
    server.send("SIGKILL");
    await server.ended;
  }
}

/** Stops the server for longer than the lease, and lets a request wait for it to wake. */
async function pausedWhile(server: NodeProcess, work: () => Promise<void>): Promise<Signature> {
  server.send("SIGSTOP");
  const stoppedAt = systemClock.monotonic();
  await work();
  const answer = signed(server);
  const rest = stoppedAt + POLICY.leaseSeconds + 0.5 - systemClock.monotonic();
  await delay(Math.max(0, rest) * 1000);
  server.send("SIGCONT");
  return answer;
}

async function revokedEmitter(server: NodeProcess): Promise<string> {
  const { emitter } = (await server.command("status")) as { emitter: string };
  await server.command("revoke", emitter, "--yes", "--reason", "stolen while the server slept");
  return emitter;
}

/** A server without a ring looks for it once a second. */
async function signedAgain(server: NodeProcess): Promise<Signature> {
  for (const until = systemClock.monotonic() + 5; ; await delay(100)) {
    const answer = await signed(server);
    if (answer.status === 200 || systemClock.monotonic() > until) return answer;
  }
}
