import { describe, expect, it } from "vitest";
import { ALGORITHMS } from "../../src/ring/algorithm.ts";
import { nextDueAt, nextStep, OVERDUE_AFTER_SECONDS, overdueSince } from "../../src/ring/plan.ts";
import { parsePolicy } from "../../src/ring/policy.ts";
import {
  accept,
  applyPolicy,
  emit,
  pause,
  requestRotation,
  resume,
  revoke,
  rollback,
} from "../../src/ring/step.ts";
import { DAY, kidOf, NOW, type SampleRing, sampleRing, turnedOver } from "./sample-ring.ts";

const MONTH = 30 * DAY;

describe("the next step", () => {
  it("of a ring at rest is none until the turnover", () => {
    const { ring } = sampleRing();
    expect(nextStep(ring, NOW + MONTH - 1)).toBeNull();
    expect(nextDueAt(ring)).toBe(NOW + MONTH);
    expect(nextStep(ring, NOW + MONTH)).toEqual({ step: "emit", kid: kidOf(2), dueAt: NOW + MONTH });
  });

  it("after a turnover is to publish the next successor at once", () => {
    const sample = sampleRing();
    sample.wait(MONTH).tick();
    expect(nextStep(sample.ring, sample.now)).toEqual({ step: "accept", alg: "ES256", dueAt: sample.now });
  });

  it("then is to revoke the old key when its time is over, and not a second before", () => {
    const sample = turnedOver();
    const dueAt = sample.key(1).acceptUntil ?? 0;
    expect(nextStep(sample.ring, dueAt - 1)).toBeNull();
    expect(nextStep(sample.ring, dueAt)).toEqual({
      step: "revoke",
      kid: kidOf(1),
      because: "retired",
      dueAt,
    });
  });

  it("without standby is to accept one emit hold ahead of the turnover, so that it is on time", () => {
    const sample = sampleRing({ standby: false });
    const dueAt = NOW + MONTH - 1200;
    expect(nextStep(sample.ring, dueAt - 1)).toBeNull();
    expect(nextStep(sample.ring, dueAt)).toEqual({ step: "accept", alg: "ES256", dueAt });
    sample.run(MONTH - 1200, 600).tick();
    sample.wait(1200).tick();
    expect(sample.key(2).emittedAt).toBe(NOW + MONTH);
  });

  it("waits for the whole hold of a key that was accepted late", () => {
    const sample = sampleRing({ standby: false }).wait(MONTH + 5000);
    expect(sample.tick()).toMatchObject({ step: "accept" });
    expect(sample.wait(1199).tick()).toBeNull();
    expect(sample.wait(1).tick()).toMatchObject({ step: "emit", kid: kidOf(2) });
  });

  it("takes the retired keys in the order in which their time ends", () => {
    const sample = turnedOver({ rotateEverySeconds: 1200, tokenSeconds: 3600 }).runTo("emit");
    expect(nextStep(sample.ring, sample.now + DAY)).toMatchObject({ step: "accept" });
    sample.tick();
    sample.commit(pause(sample.ring, sample.now));
    sample.wait(DAY).commit(resume(sample.ring));
    const steps = [sample.tick(), sample.tick(), sample.tick(), sample.tick()];
    expect(steps.map((step) => step?.step)).toEqual(["emit", "accept", "revoke", "revoke"]);
    expect(steps.slice(2)).toMatchObject([{ kid: kidOf(1) }, { kid: kidOf(2) }]);
  });
});

describe("of two retired keys", () => {
  it("the one whose time ends first goes first, whichever was accepted first", () => {
    const sample = turnedOver({ tokenSeconds: 3600 }).wait(1200);
    sample.commit(rollback(sample.ring, sample.now));
    sample.wait(10).commit(emit(sample.ring, kidOf(3), sample.now));
    expect(sample.tick()).toMatchObject({ step: "accept" });
    expect(sample.key(1).acceptUntil).toBeGreaterThan(sample.key(2).acceptUntil ?? Infinity);
    expect(nextStep(sample.ring, sample.now + DAY)).toMatchObject({ step: "revoke", kid: kidOf(2) });
  });
});

describe("a key whose publication a probe has not confirmed", () => {
  it("is to be confirmed, and does not emit before its hold from then has passed", () => {
    const sample = sampleRing({ rotateEverySeconds: 1200 }, { probe: true }).wait(DAY);
    expect(sample.tick()).toEqual({ step: "confirm", kid: kidOf(2), dueAt: NOW });
    expect(sample.wait(1199).tick()).toBeNull();
    expect(sample.wait(1).tick()).toMatchObject({ step: "emit", kid: kidOf(2) });
  });

  it("does not keep a retired key's private half in the ring", () => {
    const sample = turnedOver();
    const dueAt = sample.key(1).acceptUntil ?? 0;
    sample.commit(revoke(sample.ring, kidOf(3), "to be replaced", sample.now, null));
    sample.commit(accept(sample.ring, sample.fresh(), sample.now, false));
    expect(nextStep(sample.ring, dueAt - 1)).toMatchObject({ step: "confirm", kid: kidOf(4) });
    expect(nextStep(sample.ring, dueAt)).toMatchObject({ step: "revoke", kid: kidOf(1) });
  });
});

describe("a paused ring", () => {
  const paused = (sample: SampleRing) => {
    sample.commit(pause(sample.ring, sample.now));
    return sample;
  };

  it("takes no automatic step, however long", () => {
    const sample = paused(turnedOver());
    expect(nextDueAt(sample.ring)).toBeNull();
    expect(nextStep(sample.ring, sample.now + 10 * MONTH)).toBeNull();
    expect(overdueSince(sample.ring, sample.now + 10 * MONTH)).toBeNull();
  });

  it("lets a retired key leave the JWKS all the same: that is the clock's doing", () => {
    expect(paused(turnedOver()).wait(1200).published()).toEqual([2, 3]);
  });

  it("goes on with a turnover that an operator asked for, to its end and no further", () => {
    const sample = paused(sampleRing({ standby: false }).wait(100));
    sample.commit(requestRotation(sample.ring, sample.now));
    sample.run(2 * MONTH, 600);
    expect([sample.emitter(), sample.ring.keys.length]).toEqual([2, 2]);
    expect(sample.key(2).emittedAt).toBe(NOW + 100 + 1200);
  });

  it("revokes nothing even then: what has left the JWKS can wait", () => {
    const sample = paused(turnedOver());
    sample.commit(requestRotation(sample.ring, sample.now));
    sample.commit(revoke(sample.ring, kidOf(3), "to be replaced", sample.now, null));
    sample.wait(2000);
    expect(sample.tick()).toMatchObject({ step: "accept" });
    expect(sample.tick()).toBeNull();
    expect(sample.phaseOf(1)).toBe("retiring");
  });

  it("resumes with one step per tick and each hold whole", () => {
    const sample = paused(sampleRing()).wait(3 * MONTH);
    sample.commit(resume(sample.ring));
    expect([sample.tick()?.step, sample.tick()?.step, sample.tick()]).toEqual(["emit", "accept", null]);
    expect(nextStep(sample.ring, sample.now + 1199)).toBeNull();
  });
});

describe("a ring full of keys", () => {
  /** Turns over by hand as fast as it goes, while tokens live for a day. */
  function crowded(): SampleRing {
    const sample = sampleRing({ tokenSeconds: DAY });
    for (let turn = 0; turn < 30; turn++) {
      sample.commit(requestRotation(sample.ring, sample.now));
      sample.run(1320);
    }
    return sample;
  }

  it("accepts no further one, and goes on as soon as the first has left", () => {
    const sample = crowded();
    expect(sample.ring.keys.length).toBeLessThanOrEqual(16);
    const stuckWith = sample.emitter();
    sample.run(2 * DAY);
    expect(sample.emitter()).toBeGreaterThan(stuckWith);
    expect(sample.published()).toHaveLength(2);
  });

  it("gives up the youngest of the keys that nobody wants any more, which is the least ripe", () => {
    const sample = sampleRing();
    for (const alg of ALGORITHMS.slice(1, 10)) {
      sample.tick();
      sample.commit(applyPolicy(sample.ring, parsePolicy({ alg }), sample.wait(10).now));
    }
    expect(sample.ring.keys).toHaveLength(10);
    expect(nextStep(sample.ring, sample.now)).toMatchObject({
      step: "revoke",
      kid: kidOf(10),
      because: "superseded",
    });
  });

  it("still plans what comes next", () => {
    const sample = crowded();
    expect(nextDueAt(sample.ring)).not.toBeNull();
    expect(nextDueAt(sample.ring)).toBeGreaterThan(sample.now - 60);
  });
});

describe("a step is overdue", () => {
  it("when it has waited for more than three ticks of a minute", () => {
    const { ring } = sampleRing();
    const dueAt = NOW + MONTH;
    expect(overdueSince(ring, dueAt + OVERDUE_AFTER_SECONDS)).toBeNull();
    expect(overdueSince(ring, dueAt + OVERDUE_AFTER_SECONDS + 1)).toBe(dueAt);
    expect(OVERDUE_AFTER_SECONDS).toBe(180);
  });

  it("never in a ring whose schedule runs", () => {
    const sample = sampleRing({ rotateEverySeconds: 7200, tokenSeconds: 3600 });
    for (let minute = 0; minute < 3000; minute++) {
      expect(overdueSince(sample.ring, sample.now)).toBeNull();
      sample.tick();
      sample.wait(60);
    }
  });
});

describe("a turnover asked for", () => {
  it("does not shorten the successor's hold", () => {
    const sample = sampleRing().wait(100);
    sample.commit(requestRotation(sample.ring, sample.now));
    expect(nextDueAt(sample.ring)).toBe(NOW + 1200);
    expect(nextStep(sample.ring, NOW + 1199)).toBeNull();
  });

  it("survives a change of algorithm: the new one's successor takes it over", () => {
    const sample = sampleRing().wait(100);
    sample.commit(requestRotation(sample.ring, sample.now));
    sample.commit(applyPolicy(sample.ring, parsePolicy({ alg: "EdDSA" }), sample.now));
    sample.run(1500);
    expect(sample.key(sample.emitter()).alg).toBe("EdDSA");
    expect(sample.ring.rotateRequestedAt).toBeNull();
  });

  it("is one turnover: the next one comes by the schedule", () => {
    const sample = sampleRing().wait(1200);
    sample.commit(emit(sample.ring, kidOf(2), sample.now));
    expect(sample.run(MONTH - 60).emitter()).toBe(2);
    expect(sample.run(180).emitter()).toBe(3);
  });
});
