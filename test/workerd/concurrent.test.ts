/** Many at once, at one object. What each is told is lawful, and what became of the ring is one history. */
import { beforeEach, describe, expect, it } from "vitest";
import type { RotateOutcome } from "../../src/manager/commands.ts";
import type { MovableClock } from "../../src/testing/movable-clock.ts";
import { ask, auditOf, loggedLines, movedClock, newName, objectOf, statusOf, tick } from "./ring-object.ts";

let clock: MovableClock;
let name: string;

beforeEach(() => {
  clock = movedClock();
  loggedLines();
  name = newName();
});

const many = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

async function untilDue(): Promise<void> {
  const { nextDueAt } = await statusOf(objectOf(name));
  clock.advance(Math.max(0, (nextDueAt ?? 0) - clock.now()));
}

describe("at once", () => {
  it("forty ticks take each step once, three turnovers long", async () => {
    const events: string[] = ["init"];
    while (events.filter((event) => event === "revoke").length < 3) {
      await untilDue();
      const ticks = await many(40, () => tick(objectOf(name)));
      events.push(...ticks.flatMap(({ step }) => (step === null ? [] : [step.step])));
    }
    expect((await auditOf(objectOf(name))).map(({ event }) => event)).toEqual(events);
    const turnover = ["emit", "accept", "revoke"];
    expect(events).toEqual(["init", ...turnover, ...turnover, ...turnover]);
  });

  it("thirty rotations are one", async () => {
    await tick(objectOf(name));
    clock.advance(3600);
    const answers = await many(30, () => ask<RotateOutcome>(objectOf(name), "/v1/ring/rotate", {}));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200));
    expect(answers.filter(({ body }) => body.changed).map(({ body }) => body.rotation)).toEqual(["emitted"]);
    expect(
      answers.filter(({ body }) => !body.changed).every(({ body }) => body.rotation === "just_done"),
    ).toBe(true);
    expect((await auditOf(objectOf(name))).map(({ event }) => event)).toEqual(["init", "emit"]);
  });

  it("ticks, rotations, revokes and loads end in one history, and each kid is revoked once", async () => {
    await tick(objectOf(name));
    clock.advance(3600);
    const { generation, emitter, keys } = await statusOf(objectOf(name));
    const kids = keys.map(({ kid }) => kid);
    const revoke = (kid: string) =>
      ask(objectOf(name), `/v1/keys/${kid}/revoke`, { reason: "A drill.", emergency: true });
    const answers = await many(40, async (index) => {
      if (index % 4 === 0) return "value" in (await objectOf(name).tick());
      if (index % 4 === 1) return "value" in (await objectOf(name).load("ring"));
      if (index % 4 === 2) return (await ask(objectOf(name), "/v1/ring/rotate", {})).status;
      return `revoked: ${(await revoke(kids[(index >> 2) % kids.length] ?? emitter)).status}`;
    });
    const counted = (wanted: unknown) => answers.filter((answer) => answer === wanted).length;
    expect([true, 200, "revoked: 200", "revoked: 409"].map(counted)).toEqual([
      20,
      10,
      kids.length,
      10 - kids.length,
    ]);
    const records = await auditOf(objectOf(name));
    expect(records.map((record) => record.generation)).toEqual(records.map((_, index) => index + 1));
    const revokes = records.filter(({ event, reason }) => event === "revoke" && reason === "A drill.");
    expect(revokes.map(({ oldKid }) => oldKid).sort()).toEqual([...kids].sort());
    const after = await statusOf(objectOf(name));
    expect(after.generation).toBeGreaterThan(generation);
    expect(kids).not.toContain(after.emitter);
  });

  it("of commands that name the same generation, one is obeyed and the others are told", async () => {
    const { ring, generation } = await statusOf(objectOf(name));
    const headers = { "If-Match": `"${ring}.${generation}"` };
    const commands = ["pause", "resume", "pause", "rotate", "pause"];
    const answers = await many(20, (index) =>
      ask<{ readonly changed?: boolean }>(
        objectOf(name),
        `/v1/ring/${commands[index % commands.length]}`,
        {},
        headers,
      ),
    );
    const counts = [200, 412].map((status) => answers.filter((answer) => answer.status === status).length);
    expect(counts).toEqual([1, 19]);
    expect(await auditOf(objectOf(name))).toHaveLength(2);
  });
});
