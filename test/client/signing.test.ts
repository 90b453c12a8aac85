import { beforeEach, describe, expect, it } from "vitest";
import { claimsOf, comesTo, isKnown, openWorld, type ServedClient, type World } from "./service-world.ts";

let world: World;
let client: ServedClient;
let apiToken: string;
beforeEach(async () => {
  world = await openWorld();
  ({ token: apiToken } = await world.issue());
  client = world.open({ apiToken });
  // What the client learns of its API token is another test's matter.
  await client.sign({ sub: "first" });
  await isKnown(client);
  world.asked.length = 0;
});

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

it("signs in one line", async () => {
  const signed = await client.sign({ sub: "user-1", aud: "orders" }, { expiresInSeconds: 300 });
  expect(signed).toEqual({ token: expect.any(String), kid: "kid-1", expiresAt: 1_800_000_900 });
  expect(claimsOf(signed)).toEqual({ sub: "user-1", aud: "orders", expiresInSeconds: 300 });
  expect(world.asked).toEqual([
    {
      method: "POST",
      path: "/v1/tokens",
      apiToken,
      type: "application/json",
      body: '{"claims":{"sub":"user-1","aud":"orders"},"expiresInSeconds":300}',
    },
  ]);
});

it("takes a URL with a path and a slash at its end", async () => {
  const other = world.open({ apiToken, url: new URL(`${world.url}/keyturn/`) });
  await expect(other.sign({})).rejects.toMatchObject({ code: "not_found" });
  expect(world.asked.map(({ path }) => path)).toContain("/keyturn/v1/tokens");
});

describe("calls at one time", () => {
  it("travel together, and each gets its own", async () => {
    const signed = await Promise.all(numbers(5).map((sub) => client.sign({ sub: `${sub}` })));
    expect(signed.map(claimsOf)).toMatchObject(numbers(5).map((sub) => ({ sub: `${sub}` })));
    expect(world.paths()).toEqual(["batch"]);
  });

  it("are no more than the service takes in one request", async () => {
    const signed = await Promise.all(numbers(250).map((sub) => client.sign({ sub: `${sub}` })));
    expect(signed.map(claimsOf)).toMatchObject(numbers(250).map((sub) => ({ sub: `${sub}` })));
    expect(world.asked.map(({ body }) => JSON.parse(body).tokens.length)).toEqual([100, 100, 50]);
  });

  it("are no larger than the service takes, in UTF-8", async () => {
    const sub = "ü".repeat(4000);
    await Promise.all(numbers(65).map(() => client.sign({ sub })));
    expect(world.asked.map(({ body }) => JSON.parse(body).tokens?.length ?? 1)).toEqual([32, 32, 1]);
    for (const { body } of world.asked) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(262_144);
  });

  it("wait for each other while as many requests as there may be are under way", async () => {
    const busy = world.open({ apiToken, requestsMax: 2 });
    await busy.sign({});
    let letGo = () => {};
    world.hold = new Promise((resolve) => {
      letGo = resolve;
    });
    const signing: Promise<unknown>[] = [];
    for (const sub of ["1", "2", "3", "4", "5"]) {
      signing.push(busy.sign({ sub }));
      await Promise.resolve();
    }
    expect(busy.health().waiting).toBe(5);
    await comesTo(() => world.asked.length >= 3);
    letGo();
    await Promise.all(signing);
    expect(world.asked.filter(({ path }) => path !== "/v1/api-tokens/self").map(({ body }) => body)).toEqual([
      expect.stringContaining("claims"),
      '{"claims":{"sub":"1"}}',
      '{"claims":{"sub":"2"}}',
      expect.stringMatching(/"3".*"4".*"5"/),
    ]);
    expect(busy.health().waiting).toBe(0);
  });

  it("are refused where ten thousand wait already", async () => {
    let letGo = () => {};
    world.hold = new Promise((resolve) => {
      letGo = resolve;
    });
    const signing = numbers(10_000).map(() => client.sign({}));
    await expect(client.sign({})).rejects.toMatchObject({ code: "rate_limited" });
    letGo();
    await Promise.all(signing);
    await client.sign({});
  });

  it("use the connections that are there", async () => {
    const before = world.connections();
    for (const _ of numbers(20)) await Promise.all(numbers(20).map(() => client.sign({})));
    expect(world.connections() - before).toBeLessThanOrEqual(1);
  });

  it.each([
    ["which the service names", true, [6], 3],
    ["of which the service names one at a time", true, [1, 6, 9], 7],
    ["which has to be found", false, [6], 9],
    ["as are all the others", true, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 20],
  ])("are spoilt by none of them that is bad, %s", async (_, tellsWhich, bad, requests) => {
    world.tellsWhich = tellsWhich;
    const outcomes = await Promise.allSettled(
      numbers(10).map((sub) => client.sign({ sub: `${sub}`, ...(bad.includes(sub) ? { bad: true } : {}) })),
    );
    for (const [index, outcome] of outcomes.entries()) {
      if (bad.includes(index)) {
        const problems = [expect.objectContaining({ at: "/claims/bad" })];
        expect(outcome).toMatchObject({ reason: { code: "claims_invalid", problems } });
      } else
        expect(claimsOf((outcome as PromiseFulfilledResult<{ token: string }>).value)).toMatchObject({
          sub: `${index}`,
        });
    }
    expect(world.asked.length).toBeLessThanOrEqual(requests);
  });

  it("go one by one to a service that knows no batches, and it is not asked for them again", async () => {
    world.fault = ({ path }) => (path === "/v1/tokens/batch" ? { status: 404 } : null);
    const signed = await Promise.all(numbers(3).map((sub) => client.sign({ sub: `${sub}` })));
    expect(signed.map(claimsOf)).toMatchObject([{ sub: "0" }, { sub: "1" }, { sub: "2" }]);
    await Promise.all(numbers(3).map(() => client.sign({})));
    expect(world.paths()).toEqual(["batch", ...numbers(6).map(() => "tokens")]);
  });

  it("are refused together where the caller is, and not asked for one by one", async () => {
    const body = '{"code":"forbidden","detail":"Not you.","fix":"Ask for another role."}';
    world.fault = () => ({ status: 403, body });
    const outcomes = await Promise.allSettled(numbers(50).map(() => client.sign({})));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: "forbidden" } });
    expect(world.asked.length).toBe(1);
  });

  it("are each told where only some are beyond the scope", async () => {
    world.fault = ({ path, body }) => {
      const isBeyond = body.includes("beyond");
      const at = path.endsWith("batch") ? "/tokens/1" : "/claims/sub";
      const problems = [{ code: "scope_exceeded", at, message: "Not in the scope." }];
      const text = JSON.stringify({ code: "scope_exceeded", detail: "No.", fix: "Ask for less.", problems });
      return isBeyond ? { status: 403, body: text } : null;
    };
    const outcomes = await Promise.allSettled(["a", "beyond", "b"].map((sub) => client.sign({ sub })));
    expect(outcomes).toMatchObject([
      { status: "fulfilled" },
      { reason: { code: "scope_exceeded" } },
      { status: "fulfilled" },
    ]);
  });

  it("are refused together where the API token is", async () => {
    const hurried = world.open({ apiToken, random: () => 0 });
    await hurried.sign({});
    await isKnown(hurried);
    world.asked.length = 0;
    world.fault = () => ({ status: 401 });
    const outcomes = await Promise.allSettled(numbers(50).map(() => hurried.sign({})));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: "unauthenticated" } });
    expect(world.asked.length).toBe(1);
  });
});

describe("a refusal", () => {
  it("is told as the service told it", async () => {
    await expect(client.sign({ bad: true })).rejects.toMatchObject({
      name: "KeyturnError",
      code: "claims_invalid",
      message: "It is claims_invalid.",
      fix: "Mend it.",
      problems: [{ code: "wrong_value", at: "/claims/bad", message: "Expected good claims." }],
    });
    expect(world.asked.length).toBe(1);
  });

  it.each([
    ["with a code of a later version", '{"code":"moon_phase","detail":"It is new.","fix":"Wait."}'],
    ["that is a page for people", "<html>Forbidden</html>"],
    ["with nothing in it", ""],
  ])("%s is service_refused, with nothing of its text", async (_, body) => {
    world.fault = () => ({ status: 403, body });
    const error = await client.sign({}).catch((error) => error);
    expect(error).toMatchObject({ code: "service_refused", message: expect.stringContaining("403") });
    expect(`${error.message} ${error.fix}`).not.toMatch(/new|Wait|html/);
  });

  it.each([
    ["the API token", () => `You sent ${apiToken}.`],
    ["a line break", () => "One.\nTwo."],
    ["an escape sequence", () => "\u001b[31mred"],
    ["a change of direction", () => "\u202eder"],
    ["more than anyone reads", () => "x".repeat(2000)],
  ])("does not bring %s into logs", async (_, detail) => {
    const problems = [{ code: "wrong_value", at: "/", message: detail() }];
    const body = JSON.stringify({ code: "claims_invalid", detail: detail(), fix: detail(), problems });
    world.fault = () => ({ status: 422, body });
    const error = await client.sign({}).catch((error) => error);
    expect(error).toMatchObject({ code: "claims_invalid", problems: [] });
    expect(error.message).toBe("The keyturn service refused the request (422 claims_invalid).");
    expect(error.fix).toBe("Compare the request with the service's /openapi.json.");
  });
});

describe("what JSON cannot say", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  it.each([
    ["a list", [] as never],
    ["null", null as never],
    ["nothing", undefined as never],
    ["a bigint", { n: 1n }],
    ["a circle", circular],
    ["claims that turn into text", { toJSON: () => "text" }],
  ])("is refused before anyone is asked: %s", async (_, claims) => {
    await expect(client.sign(claims)).rejects.toMatchObject({ code: "claims_invalid" });
    expect(world.asked).toEqual([]);
  });

  it.each([0, -1, 1.5, Number.NaN, "60" as never])("as an expiresInSeconds of %s", async (seconds) => {
    await expect(client.sign({}, { expiresInSeconds: seconds })).rejects.toMatchObject({
      code: "claims_invalid",
    });
    expect(world.asked).toEqual([]);
  });
});

it("signs what the claims were when it was asked", async () => {
  const claims = { sub: "before" };
  const signing = client.sign(claims);
  claims.sub = "after";
  expect(claimsOf(await signing)).toMatchObject({ sub: "before" });
});

it("takes no more calls once it is closed, and answers those that it has", async () => {
  const signing = client.sign({ sub: "last" });
  const closing = client.close();
  await expect(client.sign({})).rejects.toMatchObject({ code: "client_closed" });
  await expect(client.rotateNow()).rejects.toMatchObject({ code: "client_closed" });
  await closing;
  expect(client.health().waiting).toBe(0);
  expect(claimsOf(await signing)).toMatchObject({ sub: "last" });
  expect(world.timer.next()).toBeNull();
});
