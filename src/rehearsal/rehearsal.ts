/**
 * A turnover, a rollback and an emergency revoke, played on this machine in about a minute: a real
 * server and real operator's commands, verifiers that are not ours, and seconds where a deployment
 * has minutes. Only the durations are made up; every wait is the one that the policy demands.
 */
import { systemClock } from "../clock.ts";
import type { KeyturnError } from "../errors.ts";
import { emitHold } from "../ring/hold.ts";
import { failed, play } from "./acts.ts";
import { JWKS_PATH, startEdge } from "./edge.ts";
import { holdProblems } from "./history.ts";
import { createLedger } from "./ledger.ts";
import { problemsOf, type Report } from "./report.ts";
import { POLICY, REHEARSED_POLICY } from "./scale.ts";
import type { Rehearsed } from "./server.ts";
import { createTimeline, type Moment } from "./timeline.ts";
import { startTraffic } from "./traffic.ts";
import { loadVerifiers, type VerifierName } from "./verifiers.ts";

export interface RehearsalOptions {
  readonly rehearsed: Rehearsed;
  readonly verifiers: readonly VerifierName[];
  /** Whether a second set of them asks the server itself, with no cache between. Default false. */
  readonly alsoDirectly?: boolean;
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
  const { rehearsed, alsoDirectly = false, onAct = () => {}, onMoment = () => {} } = options;
  const startedAt = systemClock.monotonic();
  const elapsed = () => Math.round((systemClock.monotonic() - startedAt) * 100) / 100;
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const timeline = createTimeline(onMoment);
  const ledger = createLedger();
  const endings: (() => unknown)[] = [];
  try {
    const { operator, edge, verifiers, missing, traffic } = await begin();
    const { emergency, failure } = await play(
      { operator, timeline, ledger, traffic, verifiers, clock: systemClock, signal },
      onAct,
    );
    options.signal.throwIfAborted();
    await traffic.finish();
    const books = ledger.read();
    const history = signal.aborted ? [] : await operator.audit();
    const problems = [
      ...(failure === null ? [] : [failure]),
      ...problemsOf(books, timeline.moments(), verifiers, emergency),
      ...holdProblems(history, POLICY),
    ];
    return {
      passed: problems.length === 0,
      problems,
      seconds: elapsed(),
      store: rehearsed.store,
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
      `A server starts, its ring in ${rehearsed.store}: JWKS cache ${POLICY.jwksCacheSeconds} s, tokens ${POLICY.tokenSeconds} s, ` +
        `emit hold ${emitHold(POLICY).seconds} s. An auth service signs without pause.`,
    );
    const { url, apiToken, operator, ended, lastWords } = await rehearsed.start({
      onLog: (line) => timeline.hear(line, elapsed()),
      atEnd: (ending) => void endings.push(ending),
      signal,
    });
    void ended.then((status) => broken.abort(endedUnasked(status, lastWords())));

    const edge = await startEdge(url, systemClock);
    endings.push(edge.close);
    const { verifiers, missing } = await loadVerifiers(
      options.verifiers,
      {
        jwksUrl: edge.jwksUrl,
        issuer: url,
        audience: AUDIENCE,
        alg: POLICY.alg,
        cacheSeconds: POLICY.jwksCacheSeconds,
      },
      alsoDirectly ? `${url}${JWKS_PATH}` : undefined,
    );
    const traffic = startTraffic({
      url,
      apiToken,
      audience: AUDIENCE,
      verifiers,
      ledger,
      clock: systemClock,
    });
    endings.push(traffic.stop);
    return { operator, edge, verifiers, missing, traffic };
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

function endedUnasked(status: number | null, lastWords: string): KeyturnError {
  const how = status === null ? "by a signal" : `with status ${status}`;
  return failed(`The server ended ${how} in mid-rehearsal. ${lastWords}`.trim());
}
