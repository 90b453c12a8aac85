import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import { BREAKER_FAILURES, BREAKER_SECONDS } from "../../src/client/breaker.ts";
import type { ClientOptions } from "../../src/client/index.ts";
import { isKnown, openWorld, problem, type ServedClient, type World } from "./service-world.ts";

let world: World;
let apiToken: string;
beforeEach(async () => {
  world = await openWorld();
  ({ token: apiToken } = await world.issue());
});

/** A client that knows its API token, so that all that it asks from here on is for signatures. */
async function openReady(options: Partial<ClientOptions> = {}): Promise<ServedClient> {
  const client = world.open({ apiToken, ...options });
  await client.sign({});
  await isKnown(client);
  world.asked.length = 0;
  client.events.length = 0;
  return client;
}

/** Every wait would be longer than the patience, so a request that fails is not made again. */
const ONCE: Partial<ClientOptions> = { random: () => 1000 };

const DOWN = () => ({ status: 503, body: '{"code":"ring_stale"}' });

/** Signs, and lets every wait in between pass. */
async function signThrough(client: ServedClient): Promise<unknown> {
  let ended = false;
  const signing = client.sign({}).catch((error: unknown) => error);
  const result = signing.finally(() => {
    ended = true;
  });
  while (!ended) {
    const retried = client.heard("request_retried");
    const event = await Promise.race([retried, result.then(() => null)]);
    if (event !== null) {
      await Promise.resolve();
      world.timer.advance(event.waitSeconds);
    }
  }
  return result;
}

describe("a request that fails", () => {
  it.each([
    ["because the connection broke", "reset" as const, "network"],
    ["with 500", { status: 500 }, "status"],
    ["with 503 of a proxy's", { status: 503, body: "<html>" }, "status"],
    ["with 408", { status: 408 }, "status"],
    ["with 429", { status: 429 }, "busy"],
    ["with a page in place of JSON", { status: 200, body: "<html>" }, "not_understood"],
    ["with a JSON of another form", { status: 200, body: '{"token":7}' }, "not_understood"],
    ["with more than an answer can have", { status: 200, body: " ".repeat(3_000_000) }, "too_large"],
    ["with a redirect", { status: 307, headers: { Location: "/v1/other" } }, "redirect"],
  ])("%s is made again", async (_, fault, because) => {
    const client = await openReady();
    let failures = 2;
    world.fault = () => (failures-- > 0 ? fault : null);
    expect(await signThrough(client)).toMatchObject({ kid: "kid-1" });
    expect(client.events).toMatchObject([
      { type: "request_retried", because, waitSeconds: 0.05 },
      { type: "request_retried", because, waitSeconds: 0.1 },
    ]);
    expect(world.asked.map(({ path }) => path)).toEqual(["/v1/tokens", "/v1/tokens", "/v1/tokens"]);
  });

  it.each([
    ["by a service that does not answer", undefined],
    ["by a fetch that heeds no signal", (() => new Promise(() => {})) as unknown as typeof fetch],
  ])("in time, %s, is a timeout", async (_, stuck) => {
    world.hold = new Promise(() => {});
    const client = world.open({
      apiToken,
      requestSeconds: 0.05,
      patienceSeconds: 0.01,
      ...(stuck && { fetch: stuck }),
    });
    await expect(client.sign({})).rejects.toMatchObject({
      code: "service_unavailable",
      message: expect.stringContaining("timeout"),
    });
  });

  it("is answered in the end when the service was restarted meanwhile, and that opens no breaker", async () => {
    const client = await openReady({ patienceSeconds: 10 });
    const restarted = world.clock.sinceBoot + 8;
    world.fault = () => (world.clock.sinceBoot < restarted ? "reset" : null);
    expect(await signThrough(client)).toMatchObject({ kid: "kid-1" });
    expect(world.asked.length).toBeGreaterThan(BREAKER_FAILURES);
    expect(new Set(client.events.map(({ type }) => type))).toEqual(new Set(["request_retried"]));
    expect(client.health().breaker).toBe("closed");
  });

  it("is made again after what Retry-After says, and not by all clients at once", async () => {
    const client = await openReady();
    world.fault = () => ({ status: 429, headers: { "Retry-After": "4" } });
    const signing = client.sign({});
    expect(await client.heard("request_retried")).toMatchObject({ because: "busy", waitSeconds: 4.05 });
    world.fault = null;
    await Promise.resolve();
    world.timer.advance(4.05);
    await signing;
  });

  it("is not made again when that would be too late", async () => {
    const client = await openReady({ patienceSeconds: 10 });
    world.fault = () => ({ status: 503, headers: { "Retry-After": "11" } });
    await expect(client.sign({})).rejects.toMatchObject({ code: "service_unavailable" });
    world.fault = () => ({ status: 429, headers: { "Retry-After": "3600" } });
    await expect(client.sign({})).rejects.toMatchObject({ code: "rate_limited" });
    expect(world.asked.length).toBe(2);
  });

  it("says what the service said, and where it is", async () => {
    const client = await openReady(ONCE);
    world.fault = DOWN;
    await expect(client.sign({})).rejects.toMatchObject({
      message: `The keyturn service at ${world.url} does not answer (status 503 ring_stale).`,
    });
  });

  it("is tried for as long as the patience lasts, and no longer", async () => {
    const client = await openReady({ patienceSeconds: 1 });
    world.fault = DOWN;
    const begun = world.clock.sinceBoot;
    expect(await signThrough(client)).toMatchObject({ code: "service_unavailable" });
    expect(world.clock.sinceBoot - begun).toBeLessThanOrEqual(1);
    expect(world.asked.length).toBeGreaterThan(2);
  });
});

it("takes the API token nowhere else", async () => {
  const heard: string[] = [];
  const other = createServer((request, response) => {
    heard.push(request.headers.authorization ?? "");
    response.end("{}");
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const client = await openReady(ONCE);
  const { port } = other.address() as AddressInfo;
  for (const status of [301, 302, 303, 307, 308]) {
    world.fault = () => ({ status, headers: { Location: `http://127.0.0.1:${port}/v1/tokens` } });
    await expect(client.sign({})).rejects.toMatchObject({ message: expect.stringContaining("redirect") });
    world.timer.advance(BREAKER_SECONDS);
  }
  other.close();
  expect(heard).toEqual([]);
});

describe("the breaker", () => {
  /** As many failures in a row as it takes, in requests that each fail at once. */
  async function openBreaker(client: ServedClient): Promise<void> {
    world.fault = DOWN;
    for (let failure = 0; failure < BREAKER_FAILURES; failure++) await client.sign({}).catch(() => undefined);
    world.asked.length = 0;
  }

  it("opens after five failures in a row: then calls fail at once, and nobody is asked", async () => {
    const client = await openReady(ONCE);
    await openBreaker(client);
    expect(client.events).toEqual([{ type: "breaker_opened", seconds: BREAKER_SECONDS }]);
    expect(client.health().breaker).toBe("open");
    await expect(client.sign({})).rejects.toMatchObject({
      code: "service_unavailable",
      message: expect.stringMatching(/failed 5 times in a row and is asked again in 30 s/),
    });
    world.timer.advance(BREAKER_SECONDS - 1);
    await expect(client.sign({})).rejects.toThrow("again in 1 s");
    expect(world.asked).toEqual([]);
  });

  it("lets one request find out after 30 s, and closes when that is answered", async () => {
    const client = await openReady(ONCE);
    await openBreaker(client);
    world.timer.advance(BREAKER_SECONDS);
    await client.sign({}).catch(() => undefined);
    await expect(client.sign({})).rejects.toThrow("again in 30 s");
    expect(world.asked.length).toBe(1);

    world.fault = null;
    world.timer.advance(BREAKER_SECONDS);
    let letGo = () => {};
    world.hold = new Promise((resolve) => {
      letGo = resolve;
    });
    const trial = client.sign({});
    await Promise.resolve();
    expect(client.health().breaker).toBe("half-open");
    await expect(client.sign({})).rejects.toMatchObject({ code: "service_unavailable" });
    letGo();
    await trial;
    expect(client.events.at(-1)).toEqual({ type: "breaker_closed" });
    expect(client.health().breaker).toBe("closed");
    await client.sign({});
  });

  it("counts no refusal and no lack of room, and forgets failures when there is an answer", async () => {
    const client = await openReady(ONCE);
    const answers = [{ status: 422 }, { status: 403 }, { status: 429 }];
    for (let round = 0; round < 3 * BREAKER_FAILURES; round++) {
      world.fault = () => answers[round % 3] ?? null;
      await client.sign({}).catch(() => undefined);
    }
    for (let round = 0; round < 3; round++) {
      world.fault = DOWN;
      for (let failure = 1; failure < BREAKER_FAILURES; failure++)
        await client.sign({}).catch(() => undefined);
      world.fault = null;
      await client.sign({});
    }
    expect(client.events.map(({ type }) => type)).not.toContain("breaker_opened");
  });
});

it("tells no secret of what it sends and gets, whatever happens", async () => {
  const client = await openReady(ONCE);
  const secret = "claim-that-is-nobodys-business";
  const errors: unknown[] = [];
  const faults = [
    DOWN(),
    "reset" as const,
    { status: 401 },
    { status: 418, body: `{"detail":"${apiToken}"}` },
  ];
  for (const fault of faults) {
    world.fault = () => fault;
    errors.push(await client.sign({ sub: secret }).catch((error) => error));
    world.timer.advance(2 * BREAKER_SECONDS);
  }
  world.fault = null;
  errors.push(await client.sign({ sub: secret, n: 1n }).catch((error) => error));
  const said = [...errors.map(wholeOf), client.events, client.health()];
  expect(errors.length).toBe(5);
  expect(JSON.stringify(said)).not.toContain(secret);
  expect(JSON.stringify(said)).not.toContain(apiToken);
});

function wholeOf(error: unknown): object {
  const { name, message, stack, cause, code, fix, problems } = error as Error & Record<string, unknown>;
  return { name, message, stack, code, fix, problems, cause: cause && wholeOf(cause) };
}

it("uses the fetch that it is given, and calls it as a function", async () => {
  const seen: string[] = [];
  const client = world.open({
    apiToken,
    url: "https://auth.example.com",
    fetch: async function (this: unknown, url) {
      expect(this).toBeUndefined();
      seen.push(`${url}`);
      return problem(422, "lifetime_too_long");
    } as typeof fetch,
  });
  await expect(client.sign({})).rejects.toMatchObject({ code: "lifetime_too_long" });
  expect(seen).toContain("https://auth.example.com/v1/tokens");
});
