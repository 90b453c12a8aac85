import { describe, expect, it } from "vitest";
import { logLineOf } from "../../src/telemetry/log-line.ts";
import { openAlone } from "../manager/fleet.ts";
import { LOGGED } from "./logged-events.ts";

describe("a line of the log", () => {
  for (const [event, level, fields] of LOGGED) {
    it(`says of ${event.type} how grave it is, and what is known of it`, () => {
      expect(logLineOf(event)).toEqual([
        { level, fields: expect.objectContaining(fields), message: expect.stringMatching(/^\S.{5,}[^.]$/) },
      ]);
    });
  }

  it("is of its own for every kind of event", () => {
    const messages = new Map(LOGGED.map(([event]) => [event.type, logLineOf(event)[0]?.message]));
    expect(new Set(messages.values()).size).toBe(messages.size);
  });

  it("is not written of what metrics alone are told, nor of a publication that is complete", () => {
    expect(logLineOf({ type: "jwks_answered", status: 200 })).toEqual([]);
    expect(logLineOf({ type: "store_called", operation: "load", outcome: "ok", seconds: 1 })).toEqual([]);
    expect(logLineOf({ type: "publication_seen", missingSince: null })).toEqual([]);
  });

  it("is written of every commit that the node learns of, and warns of an early emit", async () => {
    const { keys, events } = await openAlone();
    await keys.pause({ actor: "cli:root", reason: "a reason" });
    const [successor] = keys.status().keys.filter(({ phase }) => phase === "accepted");
    await keys.revoke(keys.status().emitter, { reason: "leaked" });
    expect(events.flatMap(logLineOf)).toMatchObject([
      { level: "info", fields: { step: "init", generation: 1, own: true } },
      {
        level: "info",
        fields: { step: "pause", generation: 2, actor: "cli:root", reason: "a reason", own: true },
      },
      { level: "warn", fields: { step: "revoke", generation: 3, newKid: successor?.kid, earlyEmit: true } },
    ]);
    const together = events.flatMap((event) => (event.type === "ring_advanced" ? event.records : []));
    expect(logLineOf({ type: "ring_advanced", records: together, own: false })).toMatchObject(
      together.map(({ generation }) => ({ fields: { generation, own: false } })),
    );
  });
});
