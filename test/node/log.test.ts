import pino from "pino";
import { describe, expect, it } from "vitest";
import { logEvents } from "../../src/node/log.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { openAlone } from "../manager/fleet.ts";
import { LOGGED } from "../telemetry/logged-events.ts";

/** What is logged of `events`, line by line as it would be written. */
function logged(events: readonly KeyturnEvent[], level = "debug"): string[] {
  const lines: string[] = [];
  const log = pino({ level, base: null }, { write: (line: string) => lines.push(line) });
  for (const event of events) logEvents(log)(event);
  return lines;
}

/** As pino numbers them. */
const GRAVITY = { debug: 20, info: 30, warn: 40, error: 50 } as const;

describe("the log", () => {
  for (const [event, level, fields] of LOGGED) {
    it(`has one line of JSON for ${event.type}, as grave as it is`, () => {
      const [line = "", ...more] = logged([event]);
      expect(more).toEqual([]);
      expect(line).toMatch(/^\{.*\}\n$/);
      expect(JSON.parse(line)).toMatchObject({ level: GRAVITY[level], msg: expect.any(String), ...fields });
    });
  }

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
    const all = LOGGED.map(([event]) => event);
    const asGrave = (least: number) => LOGGED.filter(([, level]) => GRAVITY[level] >= least).length;
    expect(logged(all, "error")).toHaveLength(asGrave(GRAVITY.error));
    expect(logged(all, "info")).toHaveLength(asGrave(GRAVITY.info));
  });
});
