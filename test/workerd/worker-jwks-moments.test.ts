/** How long a copy of the JWKS is kept, while keys turn over under a clock that is moved. */
import { describe, expect, it } from "vitest";
import { jwksCache } from "../../src/cloudflare/jwks-cache.ts";
import { jwksAnswers } from "../../src/http/jwks.ts";
import { jwksChangesAt } from "../../src/ring/jwks.ts";
import { createTestIssuer, movableClock } from "../../src/testing/index.ts";
import { JWKS, otherCache } from "./worker-isolate.ts";

const URL = `https://auth.example.com${JWKS}`;

async function turnedOver() {
  const clock = movableClock();
  const { keys, rotate } = await createTestIssuer({ clock });
  await rotate();
  const cache = jwksCache(await otherCache(), URL, clock);
  return {
    clock,
    manager: keys,
    cache,
    copy: { manager: keys, answers: jwksAnswers(keys), readRing: keys.refresh },
  };
}

describe("a copy in the cache", () => {
  it("goes when a key's time is over, though max-age is not", async () => {
    const { clock, manager, cache, copy } = await turnedOver();
    const changesAt = jwksChangesAt(manager.ring(), clock.now()) ?? 0;
    clock.advance(changesAt - clock.now() - 10);
    await manager.refresh();
    await cache.keep(copy);
    clock.advance(9);
    expect((await cache.answer(new Request(URL), 0))?.headers.get("Age")).toBe("9");
    clock.advance(1);
    expect(await cache.answer(new Request(URL), 0)).toBeNull();
  });

  it("is not kept at all where the ring was read too long ago", async () => {
    const { clock, manager, cache, copy } = await turnedOver();
    await manager.refresh();
    clock.advance(2000);
    await cache.keep(copy);
    expect(await cache.answer(new Request(URL), 0)).toBeNull();
  });

  it("is as old as the reading of the ring", async () => {
    const { clock, manager, cache, copy } = await turnedOver();
    await manager.refresh();
    clock.advance(20);
    await cache.keep(copy);
    expect((await cache.answer(new Request(URL), 0))?.headers.get("Age")).toBe("20");
  });
});
