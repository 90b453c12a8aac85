import { describe, expect, it } from "vitest";
import { AUDIT_TAIL_BYTES, AUDIT_TAIL_RECORDS, type AuditRecord, tailOf } from "../../src/ring/audit.ts";
import { auditRoom, unacknowledged } from "../../src/ring/audit-room.ts";

function records(count: number, reason: string | null = null): AuditRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    ring: "r",
    generation: i + 1,
    at: 1_800_000_000 + i,
    event: "pause",
    oldKid: null,
    newKid: null,
    trigger: "manual",
    actor: "cli:root",
    reason,
    previous: "x".repeat(43),
    hash: "y".repeat(43),
  }));
}

describe("the room for audit records", () => {
  it("is the operators' up to four fifths of the tail, the schedule's up to the whole of it", () => {
    const rooms = Array.from({ length: AUDIT_TAIL_RECORDS + 2 }, (_, count) => auditRoom(records(count)));
    expect(rooms.slice(0, 26)).toEqual(Array(26).fill("ample"));
    expect(rooms.slice(26, 32)).toEqual(Array(6).fill("scarce"));
    expect(rooms.slice(32)).toEqual(["none", "none"]);
  });

  it("is counted in bytes too, for a tail of long reasons holds fewer records", () => {
    const long = "→".repeat(500);
    for (let count = 1; count <= 12; count++) {
      const waiting = records(count, long);
      const withNext = (reason: string | null) => [...waiting, ...records(1, reason)];
      // Whatever is still allowed pushes none of the records that wait out of the tail.
      if (auditRoom(waiting) === "ample") expect(tailOf(withNext(long))).toHaveLength(count + 1);
      if (auditRoom(waiting) !== "none") expect(tailOf(withNext(null))).toHaveLength(count + 1);
    }
    const rooms = [5, 8, 9, 12].map((count) => auditRoom(records(count, long)));
    expect(rooms).toEqual(["ample", "scarce", "none", "none"]);
    expect(AUDIT_TAIL_BYTES).toBe(16_384);
  });
});

describe("what a sink has not acknowledged", () => {
  it("is all that came after its last record", () => {
    const tail = records(5);
    const generations = (last: Parameters<typeof unacknowledged>[1]) =>
      unacknowledged(tail, last).map(({ generation }) => generation);
    expect(generations({ ring: "r", generation: 3 })).toEqual([4, 5]);
    expect(generations({ ring: "r", generation: 5 })).toEqual([]);
    expect(generations(null)).toEqual([1, 2, 3, 4, 5]);
  });

  it("is everything, where it knows another ring only", () => {
    expect(unacknowledged(records(3), { ring: "another", generation: 900 })).toHaveLength(3);
  });
});
