import { afterAll, describe, expect, it, vi } from "vitest";
import type { KeyManager } from "../../src/manager/manager.ts";
import { type Schedule, startSchedule } from "../../src/node/schedule.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { openAlone, openFleet, SHORT } from "../manager/fleet.ts";

const EVERY_SECOND = "* * * * * *";

const started: Schedule[] = [];

afterAll(async () => {
  await Promise.all(started.splice(0).map((schedule) => schedule.stop()));
});

function start(manager: KeyManager, tickSchedule = EVERY_SECOND) {
  const events: KeyturnEvent[] = [];
  const schedule = startSchedule(manager, tickSchedule, (event) => events.push(event));
  started.push(schedule);
  return { schedule, events };
}

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });

/** Counts what a schedule of the same kind does meanwhile: the proof that time has passed for the other one too. */
async function meter() {
  const { keys } = await openAlone({ policy: SHORT });
  const counts = { ticks: 0, refreshes: 0 };
  start({
    ...keys,
    tick: () => {
      counts.ticks += 1;
      return keys.tick();
    },
    refresh: async () => {
      counts.refreshes += 1;
    },
  });
  return {
    counts,
    async passes(ticks: number) {
      const enough = counts.ticks + ticks;
      await until(() => counts.ticks >= enough);
    },
  };
}

/** Lets a caller decide when each call returns. */
function gated<T>(result: () => Promise<T>) {
  const state = { calls: 0, atOnce: 0, mostAtOnce: 0, release: () => {} };
  const gate = new Promise<void>((resolve) => {
    state.release = resolve;
  });
  return Object.assign(state, {
    async call() {
      state.calls += 1;
      state.atOnce += 1;
      state.mostAtOnce = Math.max(state.mostAtOnce, state.atOnce);
      await gate;
      state.atOnce -= 1;
      return result();
    },
  });
}

describe.concurrent("a rogue schedule, every second on two nodes", () => {
  it("takes each step once, when it is due and not before", async () => {
    const { nodes, place, clock } = await openFleet(2, { policy: SHORT });
    for (const { keys } of nodes) start(keys);
    const time = await meter();
    await time.passes(1);
    expect(place.history).toHaveLength(1);

    clock.advance(SHORT.rotateEverySeconds);
    await until(() => place.history.length === 3);
    await time.passes(2);
    const [{ keys }] = nodes as [(typeof nodes)[number]];
    await keys.refresh();
    expect(keys.ring().auditTail.map(({ event }) => event)).toEqual(["init", "emit", "accept"]);
    expect(place.history).toHaveLength(3);
  });
});

describe.concurrent("a schedule", () => {
  it("never overlaps itself: a tick that takes long is not joined by the next", async () => {
    const { keys } = await openAlone({ policy: SHORT });
    const slow = gated(() => keys.tick());
    const said = [vi.spyOn(console, "info"), vi.spyOn(console, "warn"), vi.spyOn(console, "error")];
    start({ ...keys, tick: slow.call });
    const time = await meter();
    await until(() => slow.calls === 1);
    await time.passes(3);
    expect(slow.calls).toBe(1);
    slow.release();
    await until(() => slow.calls >= 2);
    expect(slow.mostAtOnce).toBe(1);
    for (const spy of said) expect(spy).not.toHaveBeenCalled();
  });

  it("waits, when stopped, for what is under way, and starts nothing more", async () => {
    const { keys } = await openAlone({ policy: SHORT });
    const [tick, refresh] = [gated(() => keys.tick()), gated(() => keys.refresh())];
    const { schedule } = start({ ...keys, tick: tick.call, refresh: refresh.call });
    const idle = gated(async () => undefined);
    await start({ ...keys, refresh: idle.call }).schedule.stop();
    await until(() => tick.atOnce === 1 && refresh.atOnce === 1);
    let stopped = false;
    const stopping = schedule.stop().then(() => {
      stopped = true;
    });
    const time = await meter();
    await time.passes(1);
    expect(stopped).toBe(false);
    tick.release();
    refresh.release();
    await stopping;
    const calls = [tick.calls, refresh.calls];
    await time.passes(2);
    expect([tick.calls, refresh.calls]).toEqual(calls);
    expect(idle.calls).toBe(0);
    expect(time.counts.refreshes).toBeGreaterThan(1);
  });

  it("tells of a tick that failed, and goes on", async () => {
    const { keys, store } = await openAlone({ policy: SHORT });
    const { events } = start(keys);
    store.down = true;
    await until(() => events.length >= 1);
    expect(events[0]).toMatchObject({ type: "tick_failed", error: { code: "store_unavailable" } });
    store.down = false;
    const { load } = store.calls;
    await until(() => store.calls.load > load + 1);
  });

  it("refreshes twice per refreshSeconds, so that one may fail, and goes on after failures", async () => {
    const { keys, store } = await openAlone({ policy: SHORT });
    start(keys, "0 0 1 1 *");
    store.down = true;
    const startedAt = performance.now();
    const before = store.calls.load;
    await until(() => store.calls.load >= before + 3);
    expect(performance.now() - startedAt).toBeGreaterThan(1400);
    expect(store.calls.replace).toBe(1);
  });
});
