/** What is rehearsed: a server that signs and turns its keys over by itself, wherever it runs. */
import type { Outcome, RevokeOutcome } from "../manager/commands.ts";
import type { Status } from "../manager/status.ts";
import type { AuditRecord } from "../ring/audit.ts";
import type { LogLine } from "./node-process.ts";

export interface Rehearsed {
  /** Where it keeps its ring, for people. */
  readonly store: string;
  /** Starts it with the rehearsal's policy. @throws KeyturnError `rehearsal_failed` when it could not begin */
  start(beginning: Beginning): Promise<RehearsedServer>;
}

export interface Beginning {
  readonly onLog: (line: LogLine) => void;
  /** What is to be done when the rehearsal ends, however it ends: the last that was named comes first. */
  readonly atEnd: (ending: () => unknown) => void;
  readonly signal: AbortSignal;
}

export interface RehearsedServer {
  /** Where it answers, and the issuer of what it signs. */
  readonly url: string;
  /** Whoever presents it may sign. */
  readonly apiToken: string;
  readonly operator: Operator;
  /** Resolves when the server has ended, to its exit status, or null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** The last lines of its log that were more than information. */
  lastWords(): string;
}

/** Commands to the ring, by the door that its operators use. Each throws KeyturnError `rehearsal_failed` when it is refused. */
export interface Operator {
  status(): Promise<Pick<Status, "emitter" | "keys">>;
  rollback(reason: string): Promise<Outcome>;
  pause(reason: string): Promise<unknown>;
  resume(): Promise<unknown>;
  /** Of the emitter too. */
  revoke(kid: string, reason: string): Promise<RevokeOutcome>;
  /** Checks the chain of the whole audit. */
  verifyAudit(): Promise<unknown>;
  /** Every audit record, from the ring's first. */
  audit(): Promise<readonly AuditRecord[]>;
}
