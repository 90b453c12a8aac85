/** One request at a time, and nobody who waits for ever on one that is lost. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { withinSeconds } from "../../src/deadline.ts";
import { singleFlight } from "../../src/verifier/flight.ts";
import { manualClock } from "../manager/manual-clock.ts";
import {
  jwks,
  KEY,
  NEXT_KEY,
  OUTAGE,
  type Reply,
  type Scene,
  scene,
  settled,
  tokenOf,
  warmScene,
} from "./scripted-issuer.ts";

/** So long that only the test's clock ends a request. */
const PATIENT = { fetchSeconds: 10_000 };
const ENDED = 10_001;

/** A first request that never settles, and whoever waits for it. */
async function lostFlight(reply: Reply = jwks([KEY])): Promise<Scene & { waiting: Promise<string[]> }> {
  const cold = scene(PATIENT, reply);
  cold.issuer.held = [];
  const waiting = Promise.all([cold.verdict(), cold.verdict(), cold.verdict()]);
  await settled();
  cold.issuer.held = null;
  return Object.assign(cold, { waiting });
}

describe("a request that never ends", () => {
  it("does not hold up those who wait beyond its time: one of them asks anew", async () => {
    const { clock, waiting, fetches } = await lostFlight();
    clock.advance(ENDED);
    expect(await waiting).toEqual(["accepted", "accepted", "accepted"]);
    expect(fetches()).toBe(2);
  });

  it("does not hold up those who come later", async () => {
    const { clock, waiting, verdict, fetches } = await lostFlight();
    clock.advance(ENDED);
    expect(await verdict()).toBe("accepted");
    expect(await waiting).toEqual(["accepted", "accepted", "accepted"]);
    expect(fetches()).toBe(2);
  });

  it("leads to 503 when the next one does not end either", async () => {
    const { clock, waiting, issuer } = await lostFlight();
    issuer.held = [];
    let over = false;
    void waiting.then(() => {
      over = true;
    });
    for (let turn = 0; turn < 10 && !over; turn++) {
      clock.advance(ENDED);
      await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 300))]);
    }
    expect(await waiting).toEqual(["keys_not_loaded", "keys_not_loaded", "keys_not_loaded"]);
  });

  it("does not let stale keys tell that there is no such key", async () => {
    const { verdict, issuer, clock } = await warmScene({ ...PATIENT, maxStaleSeconds: 1e6 });
    issuer.held = [];
    clock.advance(600);
    const waiting = verdict(tokenOf(NEXT_KEY));
    let over = false;
    void waiting.then(() => {
      over = true;
    });
    for (let turn = 0; turn < 10 && !over; turn++) {
      clock.advance(ENDED);
      await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 300))]);
    }
    expect(await waiting).toBe("keys_expired");
  });

  it("is ended by its own deadline even where the fetch function does not heed the signal", async () => {
    const { verdict, issuer, events, verifier, clock } = scene({ fetchSeconds: 0.4 });
    issuer.held = [];
    expect(await verdict()).toBe("keys_not_loaded");
    expect(events.at(-1)).toMatchObject({ type: "jwks_failed", because: "timeout" });
    issuer.held = null;
    clock.advance(1);
    expect(await verdict()).toBe("accepted");
    expect(verifier.health().status).toBe("ok");
  });

  it("does not make tokens wait whose keys are fresh", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene(PATIENT);
    issuer.held = [];
    clock.advance(480);
    for (let time = 0; time < 3; time++) expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(1);
  });
});

describe("an answer that comes late, when a later request has been answered", () => {
  /** The first request is lost, the second answered; then the first one's answer comes after all. */
  async function overtaken(first: Reply, second: Reply): Promise<Scene> {
    const cold = scene(PATIENT);
    const held: NonNullable<typeof cold.issuer.held> = [];
    cold.issuer.held = held;
    const waiting = cold.verdict();
    await settled();
    cold.issuer.held = null;
    cold.issuer.reply = second;
    cold.clock.advance(ENDED);
    await cold.verdict();
    await waiting;
    cold.told();
    held[0]?.answer(first);
    await settled();
    return cold;
  }

  it("does not replace it", async () => {
    const { verdict, told, verifier } = await overtaken(jwks([NEXT_KEY]), jwks([KEY]));
    expect(verifier.health().issuers[0]?.kids).toEqual(["key-1"]);
    expect(await verdict()).toBe("accepted");
    expect(told()).toEqual([]);
  });

  it("does not make it younger or older", async () => {
    const { clock, verifier } = await overtaken(
      jwks([KEY], { headers: { "Cache-Control": "max-age=60" } }),
      jwks([KEY]),
    );
    clock.advance(100);
    expect(verifier.health()).toMatchObject({ status: "ok", issuers: [{ ageSeconds: 100 }] });
  });

  it("is no failure of now where it is one", async () => {
    const { verifier, told } = await overtaken(OUTAGE, jwks([KEY]));
    expect(verifier.health()).toMatchObject({ status: "ok", issuers: [{ failures: 0, lastFailure: null }] });
    expect(told()).toEqual([]);
  });

  it("does not let the next token past the freshness go without an attempt, where it is a failure", async () => {
    const { clock, verdict, issuer } = await overtaken(OUTAGE, jwks([KEY]));
    const held: NonNullable<typeof issuer.held> = [];
    issuer.held = held;
    clock.advance(600);
    let reached = "waiting";
    const waiting = verdict().then((verdict) => {
      reached = verdict;
    });
    await settled();
    expect(reached).toBe("waiting");
    held[0]?.answer(jwks([KEY]));
    await waiting;
    expect(reached).toBe("accepted");
  });
});

it("304 vouches for the set whose ETag was sent, not for one that came in the meantime", async () => {
  const one = jwks([KEY], { headers: { ETag: '"one"' } });
  const { verdict, issuer, clock, verifier } = await warmScene(PATIENT, one);
  const held: NonNullable<typeof issuer.held> = [];
  issuer.held = held;
  clock.advance(480);
  await verdict();
  clock.advance(ENDED);
  const warming = verifier.warm();
  await settled();
  // The issuer published key-2 by mistake and took it back: the first request was told of it, the second not.
  held[0]?.answer(jwks([NEXT_KEY], { headers: { ETag: '"two"' } }));
  await settled();
  issuer.held = null;
  issuer.reply = one;
  held[1]?.answer(one);
  await warming;
  expect(await verdict(tokenOf(NEXT_KEY))).not.toBe("accepted");
});

describe("single flight by itself", () => {
  it("does the work once at a time, with rising numbers", async () => {
    const clock = manualClock();
    const flights = singleFlight(clock, 4);
    const numbers: number[] = [];
    const start = () =>
      flights.start(async (sequence) => {
        numbers.push(sequence);
        return true;
      });
    const first = start();
    expect(start()).toBe(first);
    expect(await first.done).toBe(true);
    expect(flights.current()).toBeNull();
    await start().done;
    expect(numbers).toEqual([1, 2]);
  });

  it("takes a flight for lost at its end and not before", () => {
    const clock = manualClock();
    const flights = singleFlight(clock, 4);
    const lost = flights.start(() => new Promise(() => undefined));
    clock.sinceBoot += 3.99;
    expect(flights.current()).toBe(lost);
    clock.sinceBoot += 0.01;
    expect(flights.current()).toBeNull();
  });

  it("takes a flight for lost that gives no sign of life to who waits, long before its end", async () => {
    const flights = singleFlight(manualClock(), 4);
    // As when its request has ended, and its timers with it.
    const timers = vi.spyOn(globalThis, "setInterval").mockImplementation(() => setTimeout(() => undefined));
    const lost = flights.start(() => new Promise(() => undefined));
    timers.mockRestore();
    await flights.landed(lost);
    expect(flights.current()).toBeNull();
  });

  it("waits for a flight that gives signs of life, however slow it is, and until it has landed", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const flights = singleFlight(manualClock(), 4);
    let land = (_: boolean): void => undefined;
    const slow = flights.start(() => new Promise((landed) => (land = landed)));
    const waiting = flights.landed(slow);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(flights.current()).toBe(slow);
    land(true);
    await waiting;
    expect([flights.current(), vi.getTimerCount()]).toEqual([null, 0]);
  });

  it("keeps a later flight when a lost one lands after all", async () => {
    const clock = manualClock();
    const flights = singleFlight(clock, 4);
    let land = (_: boolean): void => undefined;
    const lost = flights.start(
      () =>
        new Promise((resolve) => {
          land = resolve;
        }),
    );
    clock.sinceBoot += 4;
    const next = flights.start(() => new Promise(() => undefined));
    land(true);
    await lost.done;
    expect(flights.current()).toBe(next);
  });

  it("is waited for until it has landed, or is lost", async () => {
    const clock = manualClock();
    const flights = singleFlight(clock, 4);
    const lost = flights.start(() => new Promise(() => undefined));
    const waiting = flights.landed(lost);
    clock.sinceBoot += 4;
    await waiting;
    const quick = flights.start(async () => true);
    await flights.landed(quick);
    expect(flights.current()).toBeNull();
  });
});

describe("a deadline", () => {
  it("gives what the work gives, and throws what it throws", async () => {
    expect(await withinSeconds(5, async () => "done")).toBe("done");
    await expect(withinSeconds(5, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  });

  it("ends work that heeds no signal", async () => {
    await expect(withinSeconds(0.01, () => new Promise(() => undefined))).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });

  it("leaves no rejection behind that nobody handles, where the work throws at once", async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", listen);
    try {
      let over = new Promise<void>(() => undefined);
      const attempt = async () =>
        withinSeconds(0.01, (signal) => {
          over = new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
          throw new Error("at once");
        });
      await expect(attempt()).rejects.toThrow("at once");
      await over;
      await settled();
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", listen);
    }
  });
});
