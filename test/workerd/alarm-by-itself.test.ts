/** Alarms that the platform fires, in true time. A clock that lags lets holds of half a minute pass in a second. */
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { auditOf, loggedLines, newName, objectOf, rebind, tick } from "./ring-object.ts";

let name: string;

beforeEach(() => {
  loggedLines();
  name = newName();
});

/** The shortest that is sound. Both holds are 14 s. */
const POLICY = {
  KEYTURN_JWKS_CACHE_SECONDS: 7,
  KEYTURN_REFRESH_SECONDS: 1,
  KEYTURN_FETCH_SECONDS: 1,
  KEYTURN_SKEW_SECONDS: 0,
  KEYTURN_LEEWAY_SECONDS: 0,
  KEYTURN_TOKEN_SECONDS: 1,
  KEYTURN_LEASE_SECONDS: 2,
  KEYTURN_ROTATE_EVERY_SECONDS: 14,
};

const PATIENCE = { timeout: 20_000, interval: 100 };

/** A clock that runs, so many seconds behind the true time. */
function laggingClock(seconds: number): { lag: number } {
  const behind = { lag: seconds };
  const { now, monotonic } = systemClock;
  const spies = [
    vi.spyOn(systemClock, "now").mockImplementation(() => now() - behind.lag),
    vi.spyOn(systemClock, "monotonic").mockImplementation(() => monotonic() - behind.lag),
  ];
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return behind;
}

it("an object wakes within a second of a commit, and then when the next step is due", async () => {
  await tick(objectOf(name));
  const alarmIn = () =>
    runInDurableObject(
      objectOf(name),
      async (_, { storage }) => ((await storage.getAlarm()) ?? 0) - Date.now(),
    );
  // A commit sets it for the next second, and only a wake for what is due after that.
  await vi.waitFor(async () => expect(await alarmIn()).toBeGreaterThan(60_000), PATIENCE);
});

it("an object carries a turnover through by itself", async () => {
  const clock = laggingClock(28);
  await rebind(name, POLICY);
  await objectOf(name).load("ring");
  const events = async () => (await auditOf(objectOf(name))).map(({ event }) => event);
  expect(await events()).toEqual(["init"]);
  clock.lag = 13;
  await vi.waitFor(async () => expect(await events()).toEqual(["init", "emit", "accept"]), PATIENCE);
  clock.lag = 0;
  await vi.waitFor(async () => expect(await events()).toContain("revoke"), PATIENCE);
  expect((await events()).slice(0, 3)).toEqual(["init", "emit", "accept"]);
  await rebind(name, { KEYTURN_STEPS: "off" });
});
