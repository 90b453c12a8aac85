/** Who reaches the object: what anybody can send is answered in front of it. */
import { beforeEach, describe, expect, it } from "vitest";
import { bearer, bearerOf, type Deployment, deployment, type Isolate, madeUp } from "./worker-isolate.ts";
import { lines } from "./worker-lines.ts";

const COMMANDS = [
  ["GET", "/v1/ring"],
  ["POST", "/v1/ring/rotate"],
  ["POST", "/v1/keys/s3cret/revoke"],
  ["GET", "/v1/audit"],
  ["GET", "/v1/api-tokens"],
  ["GET", "/v1/api-tokens/self"],
  ["POST", "/v1/api-tokens/s3cret/rotate"],
  ["GET", "/openapi.json"],
] as const;

let place: Deployment;
let isolate: Isolate;

/** What has reached the object but for reads of ring and book. */
const sentOn = () => place.asked.filter((what) => !what.startsWith("load "));

beforeEach(async () => {
  place = await deployment();
  isolate = place.isolate();
});

describe("the object is not reached", () => {
  it.each(COMMANDS)("by who bears no API token: %s %s", async (method, path) => {
    for (const headers of [{}, { Authorization: "Basic YTpi" }, bearerOf("s3cret-thing")] as const) {
      const answer = await isolate.ask(path, { method, headers });
      expect([answer.status, answer.headers.get("WWW-Authenticate")]).toEqual([
        401,
        'Bearer realm="keyturn"',
      ]);
      expect(await answer.json()).toMatchObject({ code: "unauthenticated", fix: expect.any(String) });
    }
    expect(sentOn()).toEqual([]);
    expect(lines().filter(({ msg }) => msg === "a request was denied")).toHaveLength(3);
    expect(JSON.stringify(lines())).not.toContain("s3cret");
  });

  it("more often than fifty times at once by who makes tokens up, for signatures and commands together", async () => {
    const statuses: number[] = [];
    for (let time = 0; time < 30; time++) {
      statuses.push((await isolate.sign(await madeUp())).status);
      statuses.push((await isolate.ask("/v1/ring", { headers: bearerOf(await madeUp()) })).status);
    }
    expect(statuses.slice(50)).toEqual(Array(10).fill(429));
    expect(sentOn()).toHaveLength(50);
    const limited = await isolate.ask("/v1/ring", { headers: bearerOf(await madeUp()) });
    expect(limited.headers.get("Retry-After")).toBe("1");
    place.clock.advance(1);
    for (let time = 0; time < 20; time++) await isolate.sign(await madeUp());
    expect(sentOn()).toHaveLength(60);
  });
});

describe("the object is reached", () => {
  it("by the admin token, though no copy of the ring is there", async () => {
    const ring = await isolate.ask("/v1/ring", { headers: bearer("KEYTURN_ADMIN_TOKEN") });
    expect(ring.status).toBe(200);
    expect(place.asked).toEqual(["GET /v1/ring"]);
  });

  it("by whom the copy knows, though strangers have used up what is left to the unknown", async () => {
    const { token } = (await isolate.command("/v1/api-tokens", { name: "alice", role: "operator" })).body;
    const far = place.isolate();
    for (let time = 0; time < 51; time++) await far.sign(await madeUp());
    const self = () => far.ask("/v1/api-tokens/self", { headers: bearerOf(token) });
    expect((await self()).status).toBe(200);
    const { token: later } = (await isolate.command("/v1/api-tokens", { name: "bob", role: "signer" })).body;
    expect((await far.sign(later)).status).toBe(429);
    place.clock.advance(1);
    expect((await far.sign(later)).status).toBe(200);
  });
});
