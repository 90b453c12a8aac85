/** Whole lives: months of ticks, on time, twice as often, or not at all. */
import { describe, expect, it } from "vitest";
import { DAY, kidOf, NOW, type SampleRing, sampleRing } from "./sample-ring.ts";

const EVERY = 7 * DAY;

interface Turn {
  readonly step: string;
  readonly at: number;
  readonly kid: string | null;
}

/** Ticks every `tickEvery` seconds, `times` times in a row, and notes what was done. */
function lived(sample: SampleRing, seconds: number, tickEvery: number, times = 1): Turn[] {
  const done: Turn[] = [];
  for (const end = sample.now + seconds; sample.now < end; sample.now += tickEvery) {
    for (let time = 0; time < times; time++) {
      const step = sample.tick();
      if (step !== null) done.push({ step: step.step, at: sample.now, kid: "kid" in step ? step.kid : null });
    }
  }
  return done;
}

describe("a ring that is ticked every minute for months", () => {
  const sample = sampleRing({ rotateEverySeconds: EVERY });
  const done = lived(sample, 90 * DAY, 60);
  const emits = done.filter(({ step }) => step === "emit");

  it("turns over on schedule, a minute late at most", () => {
    expect(emits).toHaveLength(12);
    for (const [turn, { at }] of emits.entries()) {
      const apart = at - (emits[turn - 1]?.at ?? NOW);
      expect(apart - EVERY).toBeGreaterThanOrEqual(0);
      expect(apart - EVERY).toBeLessThanOrEqual(60);
    }
  });

  it("leads every key through accept, emit and revoke, in this order and once each", () => {
    for (const n of [3, 4, 5, 6, 7]) {
      const emitted = done.findIndex(({ step, kid }) => step === "emit" && kid === kidOf(n));
      const revoked = done.findIndex(({ step, kid }) => step === "revoke" && kid === kidOf(n));
      expect(emitted).toBeGreaterThan(0);
      expect(revoked).toBeGreaterThan(emitted);
      expect(done.filter(({ kid }) => kid === kidOf(n))).toHaveLength(2);
    }
    expect(done.slice(0, 6).map(({ step }) => step)).toEqual([
      "emit",
      "accept",
      "revoke",
      "emit",
      "accept",
      "revoke",
    ]);
  });

  it("comes to rest with two published keys and a tombstone for each that was", () => {
    expect(sample.published()).toEqual([13, 14]);
    expect(sample.ring.tombstones.map(({ kid }) => kid)).toEqual(
      Array.from({ length: 12 }, (_, i) => kidOf(i + 1)),
    );
    expect(sample.ring.tombstones.every(({ revokedBecause }) => revokedBecause === "retired")).toBe(true);
  });

  it("commits once per step and never otherwise", () => {
    expect(sample.ring.generation).toBe(1 + done.length);
  });
});

describe("a rogue cron that ticks every second, twice", () => {
  it("turns nothing over early", () => {
    const policy = { rotateEverySeconds: 7200, tokenSeconds: 3600 };
    const rogue = sampleRing(policy);
    const done = lived(rogue, 8 * 7200, 1, 2);
    const emits = done.filter(({ step }) => step === "emit").map(({ at }) => at - NOW);
    expect(emits).toEqual([1, 2, 3, 4, 5, 6, 7].map((turn) => turn * 7200));
    const revokes = done.filter(({ step }) => step === "revoke").map(({ at }) => at - NOW);
    expect(revokes).toEqual([1, 2, 3, 4, 5, 6, 7].map((turn) => turn * 7200 + 3810));
  });
});

describe("a scheduler that was dead for half a year", () => {
  const away = 180 * DAY;

  it("leaves a ring that still signs and still publishes its emitter", () => {
    const sample = sampleRing().wait(away);
    expect([sample.emitter(), sample.published()]).toEqual([1, [1, 2]]);
  });

  it("makes up for one turnover, not for six, with one step per tick", () => {
    const done = lived(sampleRing().wait(away), DAY, 60);
    expect(done.map(({ step, at }) => [step, at - NOW - away])).toEqual([
      ["emit", 0],
      ["accept", 60],
      ["revoke", 1200],
    ]);
  });

  it("without standby publishes first, and waits for the whole hold", () => {
    const done = lived(sampleRing({ standby: false }).wait(away), DAY, 60);
    expect(done.map(({ step, at }) => [step, at - NOW - away])).toEqual([
      ["accept", 0],
      ["emit", 1200],
      ["revoke", 2400],
    ]);
  });

  it("and dies again right after publishing still owes the key its whole hold", () => {
    const sample = sampleRing({ standby: false }).wait(away);
    sample.tick();
    const publishedAt = sample.now;
    expect(sample.wait(1199).tick()).toBeNull();
    sample.wait(away).tick();
    expect(sample.key(2).emittedAt).toBe(publishedAt + 1199 + away);
  });

  it("had let the retired key leave the JWKS in time all the same", () => {
    const sample = sampleRing().runTo("emit");
    const until = sample.key(1).acceptUntil ?? 0;
    sample.wait(away);
    expect(sample.published()).toEqual([2]);
    expect(until).toBeLessThan(sample.now);
    expect(sample.tick()?.step).toBe("accept");
    expect(sample.tick()).toMatchObject({ step: "revoke", kid: kidOf(1) });
  });
});

describe("ticks that come late and irregularly", () => {
  it("delay turnovers, and shorten neither hold", () => {
    const sample = sampleRing({ rotateEverySeconds: 3600, tokenSeconds: 1800 });
    const publishedAt = new Map([[kidOf(2), NOW]]);
    const retiredAt = new Map<string, number>();
    for (let turn = 0; turn < 2000; turn++) {
      sample.wait(1 + ((turn * 7919) % 1500));
      const before = sample.emitter();
      const step = sample.tick();
      if (step?.step === "accept") publishedAt.set(sample.ring.keys.at(-1)?.kid ?? "", sample.now);
      if (step?.step === "revoke") {
        expect(sample.now - (retiredAt.get(step.kid) ?? Infinity)).toBeGreaterThanOrEqual(2010);
      }
      if (step?.step !== "emit") continue;
      retiredAt.set(kidOf(before), sample.now);
      expect(sample.now - (publishedAt.get(step.kid) ?? Infinity)).toBeGreaterThanOrEqual(1200);
    }
    expect(retiredAt.size).toBeGreaterThan(100);
  });
});
