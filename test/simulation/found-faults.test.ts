/**
 * Faults of the product that the simulation found, each as the smallest story that shows it. They are
 * mended, and these tests keep them so.
 */
import { expect, it } from "vitest";
import { emitHold, retireHold } from "../../src/ring/hold.ts";
import { place } from "../manager/faulty-store.ts";
import { openAlone, openFleet, openNode, SHORT, SHORT_HOLD } from "../manager/fleet.ts";
import { manualClock, START } from "../manager/manual-clock.ts";

it("turns nothing over by a clock that was ahead before it saw the hold", async () => {
  const there = place();
  const sound = await openNode(there, { policy: SHORT });
  const ahead = await openNode(there, { clock: manualClock(START) });
  ahead.clock.wall += 1000;
  sound.clock.advance(20);
  ahead.clock.advance(20);
  expect((await sound.keys.tick()).step?.step).toBe("emit");
  expect((await sound.keys.tick()).step?.step).toBe("accept");
  // The new key was published this very instant.
  expect(await ahead.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
});

it("nor by one that has been ahead for longer than a hold", async () => {
  const there = place();
  const sound = await openNode(there, { policy: SHORT });
  const ahead = await openNode(there, { clock: manualClock(START) });
  ahead.clock.wall += 1000;
  await ahead.keys.refresh();
  sound.clock.advance(20);
  ahead.clock.advance(20);
  // As every node does each `refreshSeconds`: it knows that the hold was not there yet.
  await ahead.keys.refresh();
  expect((await sound.keys.tick()).step?.step).toBe("emit");
  expect((await sound.keys.tick()).step?.step).toBe("accept");
  const { emitter } = sound.keys.status();
  await ahead.keys.tick();
  await ahead.keys.tick();
  expect(ahead.keys.status().emitter).toBe(emitter);
});

it("records an emergency as early when only a clock that is ahead takes the successor for ripe", async () => {
  const there = place();
  const sound = await openNode(there, { policy: SHORT });
  const ahead = await openNode(there, { clock: manualClock(START) });
  ahead.clock.wall += 1000;
  const outcome = await ahead.keys.revoke(sound.keys.status().emitter, { reason: "stolen" });
  expect(outcome.earlyEmit).toBe(true);
});

it("keeps the whole hold by the monotonic clock, less the skew that the hold is for", async () => {
  const policy = { ...SHORT, skewSeconds: 2, jwksCacheSeconds: 11, rotateEverySeconds: 22 };
  const node = await openAlone({ policy });
  const path = emitHold(policy).seconds - policy.skewSeconds;
  // Read at the very beginning of a second, the ring is as old as it looks; then the wall clock jumps.
  node.clock.advance(path - 1);
  node.clock.wall += 1000;
  expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
});

it("counts the emit hold from the commit, not from when its decision was taken", async () => {
  const { keys, clock, store } = await openAlone({ policy: { ...SHORT, standby: false } });
  clock.advance(20 - SHORT_HOLD);
  // The process stops for a while, between the look at its clock and the store; or a key takes long to make.
  store.beforeReplace.push(() => clock.advance(5));
  expect((await keys.tick()).step?.step).toBe("accept");
  const committedAt = clock.now();
  const key = keys.ring().keys.at(-1);
  expect(key?.emitAfter).toBeGreaterThanOrEqual(committedAt + emitHold(SHORT).seconds);
});

it("counts the retire hold from the commit, not from when its decision was taken", async () => {
  const { keys, clock, store } = await openAlone({ policy: SHORT });
  clock.advance(20);
  store.beforeReplace.push(() => clock.advance(5));
  expect((await keys.tick()).step?.step).toBe("emit");
  const [retiring] = keys.ring().keys.filter(({ retiredAt }) => retiredAt !== null);
  expect(retiring?.acceptUntil).toBeGreaterThanOrEqual(clock.now() + retireHold(SHORT).seconds);
});

it("takes no step by a clock that was set back, also when it is not behind the last commit", async () => {
  const { nodes } = await openFleet(1, { policy: SHORT });
  const [{ keys, clock }] = nodes as [(typeof nodes)[number]];
  clock.advance(40);
  await keys.refresh();
  // The turnover is 20 s overdue; set back by 15 s, the clock still lies after the last commit.
  clock.wall -= 15;
  expect(await keys.tick()).toMatchObject({ step: null, blocked: "clock_backward" });
});

it("dates no retirement before its time when an operator's node has a clock that is behind", async () => {
  const there = place();
  const sound = await openNode(there, { policy: SHORT });
  const behind = await openNode(there, { clock: manualClock(START) });
  for (const { clock } of [sound, behind]) clock.advance(19);
  await sound.keys.pause();
  for (const { clock } of [sound, behind]) clock.advance(100);
  behind.clock.wall -= 200;
  // Refusing would be right as well.
  await behind.keys.rotate().catch(() => undefined);
  await sound.keys.refresh();
  const { keys } = sound.keys.ring();
  const dated = keys.filter(({ retiredAt }) => retiredAt !== null && retiredAt < sound.clock.now());
  expect(dated).toEqual([]);
});

it("reinstates no key that the others have dropped when the clock is behind, or says that it is early", async () => {
  const there = place();
  const sound = await openNode(there, { policy: { ...SHORT, standby: false } });
  const behind = await openNode(there, { clock: manualClock(START) });
  const pass = (seconds: number) => {
    for (const { clock } of [sound, behind]) clock.advance(seconds);
  };
  const [old] = sound.keys.jwks().keys;
  for (let second = 0; second < 40 && sound.keys.status().emitter === old?.kid; second++) {
    pass(1);
    await sound.keys.tick();
  }
  pass(SHORT_HOLD + 10);
  expect(sound.keys.jwks().keys.map(({ kid }) => kid)).not.toContain(old?.kid);
  behind.clock.wall -= 500;
  const outcome = await behind.keys.revoke(sound.keys.status().emitter, { reason: "stolen" });
  expect(outcome.emitter !== old?.kid || outcome.earlyEmit).toBe(true);
});
