import { describe, expect, it } from "vitest";
import { rotationState } from "../../src/ring/plan.ts";
import { emit, requestRotation, revoke, rollback } from "../../src/ring/step.ts";
import { DAY, fakeKey, kidOf, type SampleRing, sampleRing, turnedOver } from "./sample-ring.ts";

/** As the manager answers an operator's rotate. */
function rotate(sample: SampleRing): string {
  const found = rotationState(sample.ring, sample.now);
  if (found.state === "ready") sample.commit(emit(sample.ring, found.kid, sample.now));
  if (found.state === "scheduled") sample.commit(requestRotation(sample.ring, sample.now));
  return found.state;
}

describe("a rotation asked for", () => {
  it("happens at once when the successor has matured", () => {
    const sample = sampleRing().wait(1200);
    expect(rotationState(sample.ring, sample.now)).toEqual({ state: "ready", kid: kidOf(2) });
    rotate(sample);
    expect(sample.emitter()).toBe(2);
  });

  it("is scheduled until the successor has matured, and then happens by the next tick", () => {
    const sample = sampleRing().wait(600);
    expect(rotate(sample)).toBe("scheduled");
    expect(sample.run(600).emitter()).toBe(1);
    expect(sample.run(60).emitter()).toBe(2);
  });

  it("is scheduled without standby as well: first a successor is published", () => {
    const sample = sampleRing({ standby: false }).wait(DAY);
    expect(rotate(sample)).toBe("scheduled");
    expect(sample.run(1140).emitter()).toBe(1);
    expect(sample.run(180).emitter()).toBe(2);
  });

  it("twice is the same as once, before it happens, when it happens and after", () => {
    const sample = sampleRing().wait(600);
    const states: string[] = [];
    for (let minute = 0; minute < 25; minute++) {
      states.push(rotate(sample));
      sample.tick();
      sample.wait(60);
    }
    expect(sample.emitter()).toBe(2);
    expect([...new Set(states)]).toEqual(["scheduled", "in_progress", "ready", "just_done"]);
    expect(states.filter((state) => state === "scheduled" || state === "ready")).toHaveLength(2);
  });

  it("is just done for one emit hold after any turnover, and not a second longer", () => {
    const sample = turnedOver();
    expect(rotationState(sample.ring, sample.now + 1199)).toEqual({ state: "just_done" });
    expect(rotationState(sample.ring, sample.now + 1200)).toEqual({ state: "ready", kid: kidOf(3) });
  });

  it("is never just done by the ring's creation", () => {
    const sample = sampleRing();
    expect(rotationState(sample.ring, sample.now)).toEqual({ state: "scheduled" });
  });

  it("after a rollback is ready at once: the failed turnover does not count as one", () => {
    const sample = turnedOver({ tokenSeconds: 3600 }).wait(1200);
    sample.commit(rollback(sample.ring, sample.now));
    expect(rotationState(sample.ring, sample.now)).toEqual({ state: "ready", kid: kidOf(3) });
  });

  it("after an emergency that made a fresh key emit is scheduled behind a whole hold", () => {
    const sample = sampleRing({ standby: false }).wait(DAY);
    sample.commit(revoke(sample.ring, kidOf(1), "leaked", sample.now, fakeKey(50)));
    expect(rotate(sample)).toBe("scheduled");
    sample.tick();
    expect(sample.run(1200).emitter()).toBe(50);
    expect(sample.run(60).emitter()).not.toBe(50);
  });
});
