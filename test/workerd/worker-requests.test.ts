/** Requests of one isolate that meet: none waits for what another has begun. */
import { exports } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { bearer, type Deployment, deployment, JWKS } from "./worker-isolate.ts";
import { meet } from "./worker-meeting.ts";

let place: Deployment;

beforeEach(async () => {
  place = await deployment();
  const { worker } = place.isolate();
  meet((request, context) => worker.fetch(request, place.environment, context));
});

const SIGN = {
  path: "/v1/tokens",
  init: {
    method: "POST",
    body: '{"claims":{}}',
    headers: { ...bearer("KEYTURN_API_TOKEN"), "Content-Type": "application/json" },
  },
};
const READ = { path: JWKS, init: {} };

async function ask({ path, init }: typeof READ, signal: AbortSignal | null = null): Promise<number | "gone"> {
  const request = new Request(`https://auth.example.com${path}`, { ...init, signal });
  const answer = await exports.Meeting.fetch(request).catch(() => null);
  await answer?.text();
  return answer?.status ?? "gone";
}

const many = (asked: typeof READ) => Promise.all(Array.from({ length: 50 }, () => ask(asked)));

describe.each([
  ["for the JWKS", READ],
  ["for tokens", SIGN],
])("fifty requests at once %s", (_, asked) => {
  it("are all answered by a cold isolate", async () => {
    expect(await many(asked)).toEqual(Array(50).fill(200));
  });

  it("are all answered though one was cut off while it read the ring for the first time", async () => {
    expect(await cutOff(asked)).toBe("gone");
    expect(await many(asked)).toEqual(Array(50).fill(200));
  });

  it("are all answered though one was cut off while it renewed the lease", async () => {
    await ask(asked);
    place.clock.advance(3600);
    place.asked.length = 0;
    expect(await cutOff(asked)).toBe("gone");
    expect(await many(asked)).toEqual(Array(50).fill(200));
  });
});

async function cutOff(asked: typeof READ): Promise<number | "gone"> {
  place.line = "hangs";
  const client = new AbortController();
  const first = ask(asked, client.signal);
  await vi.waitFor(() => expect(place.asked).toContain("load ring"));
  client.abort();
  const outcome = await first;
  place.line = "up";
  return outcome;
}
