/** Counters: what happened in this process since it started, event by event. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { AuditRecord } from "../ring/audit.ts";
import type { OnEvent } from "./events.ts";
import type { ObservedStatus } from "./status-metrics.ts";

/** From a file on a fast disk (about a millisecond) to a store that has run into its deadline. */
const STORE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export interface EventMetrics {
  readonly onEvent: OnEvent;
  /** Counts on from `now`, and lets go of the kids that have left the ring: years of turnovers cost no memory. */
  observe(status: Pick<ObservedStatus, "now" | "keys">): void;
}

export function eventMetrics(registry: Registry): EventMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers });

  const commits = counter("keyturn_commits_total", "Commits made by this node, by what they did.", [
    "event",
    "trigger",
  ]);
  const earlyEmits = counter(
    "keyturn_early_emits_total",
    "Commits that made a key emit before its hold had passed, whoever made them, while this node ran.",
    [],
  );
  const conflicts = counter("keyturn_conflicts_total", "Commits in which another node was first.", []);
  const reconciled = counter(
    "keyturn_commits_reconciled_total",
    "Commits whose outcome was in doubt, by what came of them.",
    ["committed"],
  );
  const blocked = counter("keyturn_steps_blocked_total", "Ticks that did not take a due step, by why.", [
    "because",
  ]);
  const tickFailures = counter("keyturn_tick_failures_total", "Ticks that failed.", []);
  const signatures = counter(
    "keyturn_signatures_total",
    "Requests for a token, by the kid that emitted and the outcome: signed, or the code of the refusal.",
    ["kid", "outcome"],
  );
  const jwksAnswers = counter("keyturn_jwks_answers_total", "Answers to requests for the JWKS.", ["code"]);
  const denied = counter("keyturn_requests_denied_total", "Requests turned away, by what they asked for.", [
    "action",
    "code",
  ]);
  const apiTokens = counter(
    "keyturn_api_tokens_changed_total",
    "API tokens issued, rotated and revoked by this node.",
    ["event"],
  );
  const requestFailures = counter(
    "keyturn_request_failures_total",
    "Requests that failed inside, as far as they are told of: 10 a second and 200 at once.",
    [],
  );
  const auditFailures = counter("keyturn_audit_failures_total", "Times that an audit sink took nothing.", []);
  const storeFailures = counter("keyturn_store_failures_total", "Times that the ring could not be read.", [
    "code",
  ]);
  const storeUp = new Gauge({
    name: "keyturn_store_up",
    help: "1 while the ring can be read, 0 after a read that failed.",
    registers,
  });
  const storeSeconds = new Histogram({
    name: "keyturn_store_seconds",
    help: "How long calls of the store take, by operation and outcome: ok, or the code of the failure.",
    labelNames: ["operation", "outcome"],
    buckets: STORE_SECONDS,
    registers,
  });
  const missing = new Gauge({
    name: "keyturn_publication_missing_seconds",
    help: "For how long the public JWKS URL has not shown every key that it should; 0 while it does, or is not asked.",
    registers,
  });

  let missingSince: number | null = null;
  const jwksOk = jwksAnswers.labels({ code: "200" });
  const jwksNotModified = jwksAnswers.labels({ code: "304" });

  /** The one path where looking up a series by its labels would show beside the answer itself. */
  function jwksAnswered(status: number): Pick<typeof jwksOk, "inc"> {
    if (status === 200) return jwksOk;
    return status === 304 ? jwksNotModified : jwksAnswers.labels({ code: String(status) });
  }

  storeUp.set(1);
  const kidsCounted = new Map<string, Set<string>>();

  function signature(kid: string | null, outcome: string): void {
    const outcomes = kidsCounted.get(kid ?? "") ?? new Set();
    kidsCounted.set(kid ?? "", outcomes.add(outcome));
    signatures.inc({ kid: kid ?? "", outcome });
  }

  /** Every node learns of every commit; only who made it counts it. */
  function ownCommit({ event, trigger }: AuditRecord): void {
    commits.inc({ event, trigger });
  }

  let heardTo: number | null = null;

  /** A command on the host makes its commit in a process that nobody scrapes, so all who hear of it count this. */
  function heard(records: readonly AuditRecord[], own: boolean): void {
    // What is in the ring when a node starts was counted by those that ran then.
    const since = heardTo ?? (own ? 0 : Number.POSITIVE_INFINITY);
    earlyEmits.inc(records.filter((one) => one.earlyEmit === true && one.generation > since).length);
    heardTo = Math.max(heardTo ?? 0, ...records.map(({ generation }) => generation));
  }

  const onEvent: OnEvent = (event) => {
    switch (event.type) {
      case "ring_advanced": {
        heard(event.records, event.own);
        const last = event.records.at(-1);
        if (event.own && last !== undefined) ownCommit(last);
        return;
      }
      case "conflict":
        return conflicts.inc();
      case "commit_reconciled":
        return reconciled.inc({ committed: String(event.committed) });
      case "step_blocked":
        return blocked.inc({ because: event.because });
      case "tick_failed":
        return tickFailures.inc();
      case "token_signed":
        return signature(event.kid, "signed");
      case "token_refused":
        return signature(event.kid, event.code);
      case "jwks_answered":
        return jwksAnswered(event.status).inc();
      case "request_failed":
        return requestFailures.inc();
      case "audit_failed":
        return auditFailures.inc();
      case "store_failed":
        storeUp.set(0);
        return storeFailures.inc({ code: event.error.code });
      case "store_recovered":
        return storeUp.set(1);
      case "store_called":
        return storeSeconds.observe({ operation: event.operation, outcome: event.outcome }, event.seconds);
      case "request_denied":
        return denied.inc({ action: event.action, code: event.code });
      case "api_token_changed":
        return apiTokens.inc({ event: event.event });
      case "publication_seen":
        missingSince = event.missingSince;
    }
  };

  return {
    onEvent,
    observe({ now, keys }) {
      missing.set(missingSince === null ? 0 : Math.max(0, now - missingSince));
      const kids = new Set(["", ...keys.map(({ kid }) => kid)]);
      for (const [kid, outcomes] of kidsCounted) {
        if (kids.has(kid)) continue;
        for (const outcome of outcomes) signatures.remove({ kid, outcome });
        kidsCounted.delete(kid);
      }
    },
  };
}
