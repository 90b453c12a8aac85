import pino from "pino";
import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { logEvents } from "../../src/node/log.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { openAlone } from "../manager/fleet.ts";

/** What is logged of `events`, line by line as it would be written. */
function logged(events: readonly KeyturnEvent[], level = "debug"): string[] {
  const lines: string[] = [];
  const log = pino({ level, base: null }, { write: (line: string) => lines.push(line) });
  for (const event of events) logEvents(log)(event);
  return lines;
}

const failure = new KeyturnError("store_unavailable", "Cannot list /x (EIO).", {
  fix: "Look at the disk.",
  cause: new Error("EIO: i/o error"),
});

const events: readonly (readonly [KeyturnEvent, number, object])[] = [
  [{ type: "conflict" }, 20, {}],
  [{ type: "commit_reconciled", committed: true }, 40, { committed: true }],
  [{ type: "step_blocked", because: "clock_forward" }, 40, { because: "clock_forward" }],
  [
    { type: "store_failed", error: failure },
    50,
    { code: "store_unavailable", detail: failure.message, fix: failure.fix, cause: "EIO: i/o error" },
  ],
  [{ type: "store_recovered" }, 30, {}],
  [{ type: "audit_failed", error: failure }, 50, { code: "store_unavailable" }],
  [{ type: "publication_seen", missingSince: 1_800_000_000 }, 40, { since: 1_800_000_000 }],
  [
    { type: "tick_failed", error: new TypeError("x is not a function") },
    50,
    { error: "TypeError", detail: "x is not a function" },
  ],
  [{ type: "token_signed", kid: "kid-1" }, 20, { kid: "kid-1" }],
  [
    { type: "token_refused", kid: "kid-1", code: "unauthenticated" },
    40,
    { kid: "kid-1", code: "unauthenticated" },
  ],
  [
    { type: "request_denied", action: "rotate", caller: null, code: "forbidden", path: "/v1/ring/rotate" },
    40,
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
    30,
    { change: "revoked", id: "t_AAAAAAAAAAAAAAAA", name: "orders", by: "cli:root", reason: "leaked" },
  ],
  [{ type: "api_tokens_failed", error: failure }, 50, { code: "store_unavailable" }],
  [{ type: "api_tokens_recovered" }, 30, {}],
  [{ type: "config_failed", error: failure }, 50, { code: "store_unavailable" }],
  [
    { type: "request_failed", error: new Error("a bug") },
    50,
    { detail: "a bug", stack: expect.stringContaining("log.test") },
  ],
  [{ type: "request_failed", error: "not even an error" }, 50, { error: "unknown" }],
];

describe("the log", () => {
  for (const [event, level, fields] of events) {
    it(`has one line of JSON for ${event.type}, as grave as it is`, () => {
      const [line = "", ...more] = logged([event]);
      expect(more).toEqual([]);
      expect(line).toMatch(/^\{.*\}\n$/);
      expect(JSON.parse(line)).toMatchObject({ level, msg: expect.any(String), ...fields });
    });
  }

  it("has one line for every commit that the node learns of, and a warning for an early emit", async () => {
    const { keys, events: told } = await openAlone();
    await keys.pause({ actor: "cli:root", reason: "a reason" });
    const [successor] = keys.status().keys.filter(({ phase }) => phase === "accepted");
    await keys.revoke(keys.status().emitter, { reason: "leaked" });
    const lines = logged(told).map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { level: 30, step: "init", generation: 1, own: true },
      { level: 30, step: "pause", generation: 2, actor: "cli:root", reason: "a reason" },
      { level: 40, step: "revoke", generation: 3, newKid: successor?.kid, earlyEmit: true },
    ]);
  });

  it("has nothing of a sealed key, a hash of the chain or a public key", async () => {
    const { keys, events: told, place } = await openAlone();
    await keys.rotate();
    const text = logged(told).join("");
    const { ring } = JSON.parse(place.newest().document);
    for (const { sealedJwk, publicJwk } of ring.keys) {
      expect(text).not.toContain(sealedJwk);
      expect(text).not.toContain(publicJwk.x);
    }
  });

  it("keeps one event on one line, whatever a message holds", () => {
    const error = new Error('line one\nline two \u001b[31mred\u001b[0m "quoted" \u2028');
    const lines = logged([{ type: "tick_failed", error }]);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.slice(0, -1)).not.toMatch(/\p{Cc}/u);
  });

  it("has only what is as grave as its level", () => {
    const all = events.map(([event]) => event);
    expect(logged(all, "error")).toHaveLength(events.filter(([, level]) => level >= 50).length);
    expect(logged(all, "info")).toHaveLength(events.filter(([, level]) => level >= 30).length);
  });
});
