/**
 * A turnover, a rollback and an emergency revoke, played on this machine in about a minute: a real
 * server and real operator's commands, verifiers that are not ours, and seconds where a deployment
 * has minutes. Only the durations are made up; every wait is the one that the policy demands.
 */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import type { KeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";
import { emitHold } from "../ring/hold.ts";
import { failed, play } from "./acts.ts";
import { startEdge } from "./edge.ts";
import { holdProblems } from "./history.ts";
import { createLedger } from "./ledger.ts";
import { type LogLine, startNode } from "./node-process.ts";
import { problemsOf, type Report } from "./report.ts";
import { POLICY, REHEARSED_POLICY } from "./scale.ts";
import { inFolder, inSecrets, type SecretToRehearse } from "./store.ts";
import { createTimeline, type Moment } from "./timeline.ts";
import { startTraffic } from "./traffic.ts";
import { loadVerifiers, type VerifierName } from "./verifiers.ts";

export interface RehearsalOptions {
  /** Path of the command line's main file. */
  readonly cli: string;
  /** The whole environment of the processes that it starts. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly verifiers: readonly VerifierName[];
  /** The secret beside which it is played, in secrets of its own. Default: in a folder of its own. */
  readonly secret?: SecretToRehearse | undefined;
  /** Told of each act as it begins, and of each commit. */
  readonly onAct?: (act: string) => void;
  readonly onMoment?: (moment: Moment) => void;
  readonly signal: AbortSignal;
}

const AUDIENCE = "rehearsal";

/**
 * @throws KeyturnError `rehearsal_failed` when it could not begin; whatever goes wrong later is in the report.
 *   The signal's reason when it was stopped.
 */
export async function rehearse(options: RehearsalOptions): Promise<Report> {
  const { cli, environment, onAct = () => {}, onMoment = () => {} } = options;
  const startedAt = systemClock.monotonic();
  const elapsed = () => Math.round((systemClock.monotonic() - startedAt) * 100) / 100;
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const timeline = createTimeline(onMoment);
  const ledger = createLedger();
  const store = options.secret === undefined ? inFolder : inSecrets(options.secret);
  const endings: (() => unknown)[] = [];
  try {
    const { node, edge, verifiers, missing, traffic } = await begin();
    const { emergency, failure } = await play(
      { node, timeline, ledger, traffic, verifiers, clock: systemClock, signal },
      onAct,
    );
    options.signal.throwIfAborted();
    await traffic.finish();
    const books = ledger.read();
    const history = signal.aborted ? [] : ((await node.command("audit", "show")) as AuditRecord[]);
    const problems = [
      ...(failure === null ? [] : [failure]),
      ...problemsOf(books, timeline.moments(), verifiers, emergency),
      ...holdProblems(history, POLICY),
    ];
    return {
      passed: problems.length === 0,
      problems,
      seconds: elapsed(),
      store: store.description,
      policy: REHEARSED_POLICY,
      timeline: timeline.moments(),
      verifiers: verifiers.map(({ name }) => name),
      missing,
      edge: edge.traffic(),
      emergency,
      ...books,
    };
  } finally {
    await endAll(endings.reverse());
  }

  async function begin() {
    onAct(
      `A server starts, its ring in ${store.description}: JWKS cache ${POLICY.jwksCacheSeconds} s, tokens ${POLICY.tokenSeconds} s, ` +
        `emit hold ${emitHold(POLICY).seconds} s. An auth service signs without pause.`,
    );
    const folder = await temporaryFolder();
    endings.push(folder.remove);
    await store.assertRemovable();
    endings.push(store.remove);
    const settings = {
      ...store.settings,
      ...REHEARSED_POLICY,
      listen: "127.0.0.1:0",
      tickSchedule: "* * * * * *",
    };
    const onLog = (line: LogLine) => timeline.hear(line, elapsed());
    const node = await startNode({ cli, environment, folder: folder.path, settings, onLog }, signal);
    endings.push(node.stop);
    const { url, apiToken, ended, lastWords } = node;
    void ended.then((status) => broken.abort(endedUnasked(status, lastWords())));

    const edge = await startEdge(url, systemClock);
    endings.push(edge.close);
    const { verifiers, missing } = await loadVerifiers(options.verifiers, {
      jwksUrl: edge.jwksUrl,
      issuer: url,
      audience: AUDIENCE,
      alg: POLICY.alg,
      cacheSeconds: POLICY.jwksCacheSeconds,
    });
    const traffic = startTraffic({
      url,
      apiToken,
      audience: AUDIENCE,
      verifiers,
      ledger,
      clock: systemClock,
    });
    endings.push(traffic.stop);
    return { node, edge, verifiers, missing, traffic };
  }
}

/** Each, whatever becomes of the ones before it. @throws what the last that failed has thrown */
async function endAll(endings: readonly (() => unknown)[]): Promise<void> {
  const [end, ...others] = endings;
  if (end === undefined) return;
  try {
    await end();
  } finally {
    await endAll(others);
  }
}

/** Removed in any case, at the latest when this process ends. */
async function temporaryFolder(): Promise<{ readonly path: string; remove(): void }> {
  const path = await mkdtemp(join(tmpdir(), "keyturn-rehearsal-"));
  const remove = () => {
    rmSync(path, { recursive: true, force: true });
    process.off("exit", remove);
  };
  process.once("exit", remove);
  return { path, remove };
}

function endedUnasked(status: number | null, lastWords: string): KeyturnError {
  const how = status === null ? "by a signal" : `with status ${status}`;
  return failed(`The server ended ${how} in mid-rehearsal. ${lastWords}`.trim());
}
