/** The alarm is the ring's schedule: whatever fails, one is set, and the next one takes the step that is due. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { KeyRingObject } from "../../src/cloudflare/key-ring-object.ts";
import type { Place } from "../../src/cloudflare/object-reader.ts";
import { RETRY_SECONDS, WAKE_SECONDS_MAX, wakeAt } from "../../src/cloudflare/wake.ts";
import type { RingStore } from "../../src/store/store.ts";
import type { MovableClock } from "../../src/testing/movable-clock.ts";
import {
  ask,
  auditOf,
  instanceIn,
  type LoggedLine,
  loggedLines,
  movedClock,
  newName,
  objectOf,
  rebind,
  statusOf,
  tick,
} from "./ring-object.ts";

let clock: MovableClock;
let lines: LoggedLine[];
let name: string;

beforeEach(() => {
  clock = movedClock();
  lines = loggedLines();
  name = newName();
});

const MONTH_SECONDS = 31 * 86_400;

describe("wakeAt", () => {
  const now = 1_800_000_000;
  it.each([
    ["looks again soon when a step was due at once", { nextDueAt: now }, now + 1],
    ["looks again soon when one is overdue", { nextDueAt: now - 5000 }, now + 1],
    ["is when the next step falls due", { nextDueAt: now + 90 }, now + 90],
    ["is within the hour when that is far", { nextDueAt: now + 86_400 }, now + WAKE_SECONDS_MAX],
    ["is within the hour when nothing will be due", { nextDueAt: null }, now + WAKE_SECONDS_MAX],
    [
      "tries again in a minute what is blocked",
      { nextDueAt: now, blocked: "steps_off" as const },
      now + RETRY_SECONDS,
    ],
  ])("%s", (_, given, expected) => {
    expect(wakeAt({ step: null, blocked: null, ...given }, now)).toBe(expected);
  });
});

describe("an instance that begins", () => {
  it("sets an alarm where none is", () =>
    runInDurableObject(objectOf(name), async (_, state) => {
      await state.storage.deleteAlarm();
      instanceIn(state);
      await vi.waitFor(async () => expect(await state.storage.getAlarm()).toBe((clock.now() + 1) * 1000));
    }));

  it("leaves one that is set", () =>
    runInDurableObject(objectOf(name), async (_, state) => {
      await state.storage.setAlarm((clock.now() + 600) * 1000);
      const look = vi.spyOn(state.storage, "getAlarm");
      instanceIn(state);
      await vi.waitFor(() => expect(look).toHaveBeenCalled());
      look.mockRestore();
      expect(await state.storage.getAlarm()).toBe((clock.now() + 600) * 1000);
    }));

  it("serves although it could not set one, and the first that comes sets it", () =>
    runInDurableObject(objectOf(name), async (instance, state) => {
      await tick(instance);
      await state.storage.deleteAlarm();
      const failing = vi.spyOn(state.storage, "setAlarm").mockRejectedValueOnce(new Error("no alarm"));
      const other = instanceIn(state);
      await vi.waitFor(() => expect(failing).toHaveBeenCalled());
      failing.mockRestore();
      expect((await statusOf(other)).generation).toBe(1);
      expect(await state.storage.getAlarm()).not.toBeNull();
    }));
});

describe("an alarm", () => {
  type Storage = Parameters<Parameters<typeof runInDurableObject>[1]>[1]["storage"];
  const invalid = "not a KEK, not thirty-two bytes";

  /** In the order in which an instance can meet them: those before the ring is open come first. */
  const failures: readonly [
    string,
    Record<string, unknown>,
    ((storage: Storage) => { mockRestore(): void })?,
  ][] = [
    ["kek_missing", { KEYTURN_KEK: undefined }],
    ["kek_invalid", { KEYTURN_KEK: invalid }],
    ["config_invalid", { KEYTURN_ISSUER: "nowhere" }],
    ["store_unavailable", { KEYTURN_KEK: { get: () => Promise.reject(new Error("no secret")) } }],
    ["store_unavailable", {}, ({ sql }) => failing(sql, "exec", "disk I/O error: SQLITE_IOERR")],
    ["store_full", {}, (storage) => failing(storage, "transactionSync", "disk is full: SQLITE_FULL")],
    ["", {}, () => vi.spyOn(crypto.subtle, "sign").mockRejectedValue(new TypeError("a bug"))],
  ];

  function failing<T extends object>(of: T, call: keyof T, message: string): { mockRestore(): void } {
    const had = Reflect.get(of, call);
    Reflect.set(of, call, () => {
      throw new Error(message);
    });
    return { mockRestore: () => Reflect.set(of, call, had) };
  }

  it("that fails seven times in a row, each time otherwise, is set after each and then takes the due step", () =>
    runInDurableObject(objectOf(name), async (first, state) => {
      await tick(first);
      clock.advance(MONTH_SECONDS);
      const instance = instanceIn(state);
      for (const [code, bindings, breaks] of failures) {
        Reflect.set(instance, "env", { ...env, ...bindings });
        await state.storage.deleteAlarm();
        const broken = breaks?.(state.storage);
        await instance.alarm();
        broken?.mockRestore();
        expect(lines.at(-1)).toMatchObject({ msg: "a tick failed", ...(code === "" ? {} : { code }) });
        expect(await state.storage.getAlarm()).toBe((clock.now() + RETRY_SECONDS) * 1000);
      }
      expect((await statusOf(instance)).generation).toBe(1);
      await instance.alarm();
      expect((await auditOf(instance)).map(({ event }) => event)).toEqual(["init", "emit"]);
    }));

  it.each(["before", "after"])("that cannot be set %s the step is set all the same", (when) =>
    runInDurableObject(objectOf(name), async (instance, { storage }) => {
      await tick(instance);
      const setAlarm = storage.setAlarm.bind(storage);
      let times = 0;
      await storage.deleteAlarm();
      const spy = vi.spyOn(storage, "setAlarm").mockImplementation((at) => {
        times += 1;
        return times === (when === "before" ? 1 : 2) ? Promise.reject(new Error("no alarm")) : setAlarm(at);
      });
      await instance.alarm();
      spy.mockRestore();
      expect(await storage.getAlarm()).not.toBeNull();
    }),
  );

  it("is set again after a step that failed, though it could not be set before it", () =>
    runInDurableObject(objectOf(name), async (_, state) => {
      const instance = instanceIn(state, { KEYTURN_KEK: invalid });
      await state.storage.deleteAlarm();
      const spy = vi.spyOn(state.storage, "setAlarm").mockRejectedValueOnce(new Error("no alarm"));
      await instance.alarm();
      spy.mockRestore();
      expect(await state.storage.getAlarm()).toBe((clock.now() + 1) * 1000);
    }));

  it("that cannot be set at all throws, since the platform's own tries are all that is left", () =>
    runInDurableObject(objectOf(name), async (instance, { storage }) => {
      await tick(instance);
      await storage.deleteAlarm();
      const spy = vi.spyOn(storage, "setAlarm").mockRejectedValue(new Error("no alarm"));
      await expect(instance.alarm()).rejects.toThrow("no alarm");
      spy.mockRestore();
      await instance.alarm();
      expect(await storage.getAlarm()).not.toBeNull();
    }));

  it("is set by what is due next once all is done", async () => {
    await tick(objectOf(name));
    const alarm = () => runInDurableObject(objectOf(name), (_, { storage }) => storage.getAlarm());
    expect(await alarm()).toBe((clock.now() + 1) * 1000);
    await runDurableObjectAlarm(objectOf(name));
    expect(await alarm()).toBe((clock.now() + WAKE_SECONDS_MAX) * 1000);
    await ask(objectOf(name), "/v1/ring/rotate", {});
    expect(await alarm()).toBe((clock.now() + 1) * 1000);
    await runDurableObjectAlarm(objectOf(name));
    expect(await alarm()).toBe(((await statusOf(objectOf(name))).nextDueAt ?? 0) * 1000);
  });

  it("is in a minute where steps are off", async () => {
    await rebind(name, { KEYTURN_STEPS: "off" });
    await tick(objectOf(name));
    clock.advance(MONTH_SECONDS);
    await runDurableObjectAlarm(objectOf(name));
    const at = await runInDurableObject(objectOf(name), (_, { storage }) => storage.getAlarm());
    expect(at).toBe((clock.now() + RETRY_SECONDS) * 1000);
  });
});

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

function gate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe("a command that commits while a tick is at its end", () => {
  /** An object whose third look at the API tokens takes until it is let go. */
  class Held extends KeyRingObject {
    looks = 0;
    readonly held = gate();
    readonly arrived = gate();

    protected override storeOf(place: Place): RingStore {
      const store = super.storeOf(place);
      if (place === "ring") return store;
      const load = async () => {
        this.looks += 1;
        if (this.looks === 3) this.arrived.open();
        if (this.looks === 3) await this.held.opened;
        return store.load();
      };
      return { ...store, load };
    }
  }

  it("is not put off by what the tick knew before", () =>
    runInDurableObject(objectOf(name), async (instance, state) => {
      await tick(instance);
      clock.advance(3600);
      await statusOf(instance);
      const held = new Held(state, env);
      const ticking = tick(held);
      await held.arrived.opened;
      const written = gate();
      const sync = vi.spyOn(state.storage, "sync").mockImplementation(() => written.opened);
      const command = ask(held, "/v1/ring/rotate", {});
      await vi.waitFor(() => expect(sync).toHaveBeenCalled());
      held.held.open();
      await ticking;
      expect(await state.storage.getAlarm()).toBe((clock.now() + 1) * 1000);
      written.open();
      sync.mockRestore();
      expect((await command).status).toBe(200);
      expect(await state.storage.getAlarm()).toBe((clock.now() + 1) * 1000);
    }));
});
