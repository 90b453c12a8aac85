/** Isolates whose clock is set back. On Workers the monotonic clock follows the wall clock. */
import { beforeEach, describe, expect, it } from "vitest";
import { type Deployment, deployment, type Isolate, JWKS, NO_CACHE } from "./worker-isolate.ts";

let place: Deployment;
let isolate: Isolate;
let time: number;

beforeEach(async () => {
  place = await deployment();
  time = place.clock.now();
  const clock = { now: () => Math.floor(time), monotonic: () => time };
  isolate = place.isolate(NO_CACHE, undefined, clock);
  expect((await isolate.sign()).status).toBe(200);
});

describe("when the clock is set back", () => {
  it("the ring is read anew before anything is signed, and then by that clock", async () => {
    time -= 600;
    const asked = place.asked.length;
    expect((await isolate.sign()).status).toBe(200);
    expect(place.asked.slice(asked)).toEqual(["load ring", "load api-tokens"]);
    await isolate.sign();
    expect(place.asked.length).toBe(asked + 2);
    time += 60;
    await isolate.sign();
    expect(place.asked.length).toBe(asked + 4);
  });

  it("nothing is signed, and nothing may be kept, while the ring cannot be read", async () => {
    place.line = "down";
    time -= 600;
    expect(await isolate.sign()).toMatchObject({ status: 503, body: { code: "ring_stale" } });
    const { headers } = await isolate.ask(JWKS);
    expect(headers.get("Cache-Control")).toBe("public, max-age=0, must-revalidate");
    expect((await isolate.ask("/readyz")).status).toBe(503);
  });
});
