/**
 * Everything that can be observed, as one closed union. The manager tells; sinks (a log, metrics)
 * decide what to make of it. No event ever carries a token, a claim or a key.
 */
import type { KeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";

/** Why a due step was not taken. Signing and serving go on. */
export type BlockedBecause =
  /** This node is configured with another policy than the ring's. */
  | "policy_mismatch"
  /** The wall clock is behind the last commit by more than the skew. */
  | "clock_backward"
  /** The wall clock says that a hold has passed, the monotonic clock says that it has not. */
  | "clock_forward"
  /** The public URL does not show the new key yet. */
  | "publication_unconfirmed";

export type KeyturnEvent =
  /** The node took up a newer ring; `records` are the commits since, oldest first, `own` when it made the last. */
  | { readonly type: "ring_advanced"; readonly records: readonly AuditRecord[]; readonly own: boolean }
  | { readonly type: "conflict" }
  | { readonly type: "commit_reconciled"; readonly committed: boolean }
  | { readonly type: "step_blocked"; readonly because: BlockedBecause }
  | { readonly type: "store_failed"; readonly error: KeyturnError }
  | { readonly type: "store_recovered" }
  | { readonly type: "audit_failed"; readonly error: unknown }
  | { readonly type: "tick_failed"; readonly error: unknown }
  | { readonly type: "token_signed"; readonly kid: string }
  | { readonly type: "token_refused"; readonly kid: string | null; readonly code: string }
  | { readonly type: "request_failed"; readonly error: unknown };

export type OnEvent = (event: KeyturnEvent) => void;
