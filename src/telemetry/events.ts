/**
 * Everything that can be observed, as one closed union. The manager tells; sinks (a log, metrics)
 * decide what to make of it. No event ever carries a token, a claim or a key.
 */
import type { ErrorCode, KeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";

/** Why a due step was not taken. Signing and serving go on. */
export type BlockedBecause =
  /** This node was told to take no steps. */
  | "steps_off"
  /** This node is configured with another policy than the ring's. */
  | "policy_mismatch"
  /** The wall clock is behind the last commit by more than the skew. */
  | "clock_backward"
  /** The wall clock says that a hold has passed, the monotonic clock says that it has not. */
  | "clock_forward"
  /** The public URL does not show the new key yet. */
  | "publication_unconfirmed"
  /** The audit sinks are so far behind that one more commit could push a record out before any has it. */
  | "audit_backlog";

export type KeyturnEvent =
  /** The node took up a newer ring; `records` are the commits since, oldest first, `own` when it made the last. */
  | { readonly type: "ring_advanced"; readonly records: readonly AuditRecord[]; readonly own: boolean }
  | { readonly type: "conflict" }
  | { readonly type: "commit_reconciled"; readonly committed: boolean }
  | { readonly type: "step_blocked"; readonly because: BlockedBecause }
  | { readonly type: "store_failed"; readonly error: KeyturnError }
  | { readonly type: "store_recovered" }
  /** One call of the store, and how it ended: `ok`, or the code of what it threw. */
  | {
      readonly type: "store_called";
      readonly operation: "load" | "replace";
      readonly outcome: "ok" | ErrorCode;
      readonly seconds: number;
    }
  | { readonly type: "jwks_answered"; readonly status: number }
  /** The public JWKS URL was asked: since when it has not shown every key that it should; null when it does. */
  | { readonly type: "publication_seen"; readonly missingSince: number | null }
  | { readonly type: "audit_failed"; readonly error: unknown }
  | { readonly type: "tick_failed"; readonly error: unknown }
  | { readonly type: "token_signed"; readonly kid: string }
  | { readonly type: "token_refused"; readonly kid: string | null; readonly code: string }
  /**
   * A caller was turned away. `path` is the route's pattern, never what was sent; `caller` the id of the API
   * token, null when there was no good one.
   */
  | {
      readonly type: "request_denied";
      readonly action: string;
      readonly caller: string | null;
      readonly code: string;
      readonly path: string;
    }
  /** An API token was issued, followed by another or revoked, on this node. */
  | {
      readonly type: "api_token_changed";
      readonly event: "issued" | "rotated" | "revoked";
      /** Of the token; where it was rotated, of the one that has a successor now. */
      readonly id: string;
      readonly name: string;
      readonly role: string;
      /** Id of the token that follows; null unless rotated. */
      readonly successor: string | null;
      readonly by: string;
      /** Null unless revoked. */
      readonly reason: string | null;
    }
  /** The API tokens could not be read or written; those read last are good until the lease ends. */
  | { readonly type: "api_tokens_failed"; readonly error: unknown }
  | { readonly type: "api_tokens_recovered" }
  /** The configuration could not be read again; what it said before stays in force. */
  | { readonly type: "config_failed"; readonly error: unknown }
  | { readonly type: "request_failed"; readonly error: unknown };

export type OnEvent = (event: KeyturnEvent) => void;
