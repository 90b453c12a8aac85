/** What is logged of each event. */
import { expect } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import type { LogLine } from "../../src/telemetry/log-line.ts";

const failure = new KeyturnError("store_unavailable", "Cannot list /x (EIO).", {
  fix: "Look at the disk.",
  cause: new Error("EIO: i/o error"),
});

/** Events with how grave each is and what is said of it, but for those of the ring. */
export const LOGGED: readonly (readonly [KeyturnEvent, LogLine["level"], object])[] = [
  [{ type: "conflict" }, "debug", {}],
  [{ type: "commit_reconciled", committed: true }, "warn", { committed: true }],
  [{ type: "step_blocked", because: "clock_forward" }, "warn", { because: "clock_forward" }],
  [
    { type: "store_failed", error: failure },
    "error",
    { code: "store_unavailable", detail: failure.message, fix: failure.fix, cause: "EIO: i/o error" },
  ],
  [{ type: "store_recovered" }, "info", {}],
  [{ type: "audit_failed", error: failure }, "error", { code: "store_unavailable" }],
  [{ type: "publication_seen", missingSince: 1_800_000_000 }, "warn", { since: 1_800_000_000 }],
  [
    { type: "tick_failed", error: new TypeError("x is not a function") },
    "error",
    { error: "TypeError", detail: "x is not a function" },
  ],
  [{ type: "token_signed", kid: "kid-1" }, "debug", { kid: "kid-1" }],
  [
    { type: "token_refused", kid: "kid-1", code: "unauthenticated" },
    "warn",
    { kid: "kid-1", code: "unauthenticated" },
  ],
  [
    { type: "request_denied", action: "rotate", caller: null, code: "forbidden", path: "/v1/ring/rotate" },
    "warn",
    { action: "rotate", caller: null, code: "forbidden", path: "/v1/ring/rotate" },
  ],
  [
    {
      type: "api_token_changed",
      event: "revoked",
      id: "t_AAAAAAAAAAAAAAAA",
      name: "orders",
      role: "signer",
      successor: null,
      by: "cli:root",
      reason: "leaked",
    },
    "info",
    { change: "revoked", id: "t_AAAAAAAAAAAAAAAA", name: "orders", by: "cli:root", reason: "leaked" },
  ],
  [{ type: "api_tokens_failed", error: failure }, "error", { code: "store_unavailable" }],
  [{ type: "api_tokens_recovered" }, "info", {}],
  [{ type: "config_failed", error: failure }, "error", { code: "store_unavailable" }],
  [
    { type: "request_failed", error: new Error("a bug") },
    "error",
    { detail: "a bug", stack: expect.stringContaining("logged-events") },
  ],
  [{ type: "request_failed", error: "not even an error" }, "error", { error: "unknown" }],
];
