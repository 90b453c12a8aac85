import { describe, expect, it } from "vitest";
import { LOOK_SECONDS } from "../../src/client/api-token.ts";
import type { ClientOptions } from "../../src/client/index.ts";
import {
  claimsOf,
  comesTo,
  isKnown,
  openWorld,
  type Place,
  place,
  type ServedClient,
  type World,
} from "./service-world.ts";

const HOUR = 3600;
const PREFETCH = 600;
const OVERLAP = 600;

/** A client with a token of an hour, in a place of its own. */
async function openHour(options: Partial<ClientOptions> = {}) {
  const world = await openWorld();
  const { token, id } = await world.issue(HOUR);
  const store = place(token);
  const client = world.open({ tokenStore: store, ...options });
  await client.sign({});
  await isKnown(client);
  world.asked.length = 0;
  client.events.length = 0;
  return { world, client, store, token, id };
}

/** Time passes in steps, and the client does in each what is due. */
async function pass(world: World, client: ServedClient, seconds: number, step = 60): Promise<void> {
  for (let passed = 0; passed < seconds; passed += step) {
    world.timer.advance(Math.min(step, seconds - passed));
    await idle(world, client);
  }
}

/** Until these clients, all that there are, wait for time to pass and nothing else. */
async function idle(world: World, ...clients: ServedClient[]): Promise<void> {
  await comesTo(
    () => world.timer.set() === clients.length && clients.every((client) => client.health().waiting === 0),
  );
}

const ids = (world: World) => world.tokens.list().map(({ id }) => id);

describe("an API token that will expire", () => {
  it("is renewed ahead, by the timer alone, and saved", async () => {
    const { world, client, store, token } = await openHour();
    await pass(world, client, HOUR - PREFETCH - 60);
    expect(store.text).toBe(token);
    const renewed = client.heard("api_token_renewed");
    await pass(world, client, 60);
    const [, successor] = ids(world);
    expect(await renewed).toEqual({ type: "api_token_renewed", id: successor, lastsSeconds: HOUR });
    expect(store.text).not.toBe(token);
    expect(client.health().apiToken).toEqual({
      id: successor,
      lastsSeconds: expect.closeTo(HOUR, -2),
      renewsInSeconds: expect.closeTo(HOUR - PREFETCH, -2),
      saved: true,
      refused: false,
    });
    world.asked.length = 0;
    await client.sign({});
    expect(world.asked.map(({ apiToken }) => apiToken)).toContain(store.text);
  });

  it("turns over for days without one call refused, one successor at a time", async () => {
    const { world, client, store } = await openHour();
    let statuses = 0;
    for (let minute = 0; minute < 24 * 60; minute += 10) {
      await pass(world, client, 600, 120);
      expect(claimsOf(await client.sign({ minute }))).toMatchObject({ minute });
      statuses++;
    }
    expect(statuses).toBe(144);
    const renewals = client.events.filter(({ type }) => type === "api_token_renewed");
    expect(renewals.length).toBeGreaterThanOrEqual(27);
    expect(renewals.length).toBeLessThanOrEqual(30);
    expect(new Set(client.events.map(({ type }) => type))).toEqual(new Set(["api_token_renewed"]));
    expect(client.health().apiToken?.saved).toBe(true);
    expect(store.text).not.toBeNull();
  });

  it("is renewed by whoever signs where no timer ever fires", async () => {
    const { world, client } = await openHour({
      timer: { after: () => () => undefined, inBackground: () => () => undefined },
    });
    world.clock.advance(HOUR - 300);
    const renewing: Promise<unknown>[] = [];
    await client.sign({}, { waitUntil: (work) => void renewing.push(work) });
    await Promise.all(renewing);
    expect(renewing.length).toBe(1);
    expect(client.events).toMatchObject([{ type: "api_token_renewed" }]);
    await client.sign({}, { waitUntil: (work) => void renewing.push(work) });
    expect(renewing.length).toBe(1);
  });

  it("begins without a timer too, as where a runtime has none outside of requests", async () => {
    const world = await openWorld();
    const { token } = await world.issue(HOUR);
    const refused = () => {
      throw new Error("Disallowed operation called within global scope.");
    };
    const client = world.open({
      apiToken: token,
      timer: { after: refused, inBackground: refused },
    });
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
  });

  it("is renewed in time by a client whose clock is wrong by a day", async () => {
    for (const day of [-86_400, 86_400]) {
      const { world, client, store, token } = await openHour();
      const { clock } = world;
      const wrong = { now: () => clock.now() + day, monotonic: () => clock.monotonic() };
      const other = world.open({ tokenStore: store, clock: wrong });
      await client.close();
      await other.sign({});
      await isKnown(other);
      await pass(world, other, HOUR - PREFETCH - 120);
      expect(store.text).toBe(token);
      await pass(world, other, 180);
      expect(store.text).not.toBe(token);
    }
  });

  it("and lives shortly is renewed at half of its life, not again and again", async () => {
    const world = await openWorld();
    const { token } = await world.issue(60);
    const client = world.open({ tokenStore: place(token) });
    await client.sign({});
    await isKnown(client);
    for (let second = 0; second < 300; second += 5) {
      await pass(world, client, 5, 5);
      await client.sign({});
    }
    const renewals = client.events.filter(({ type }) => type === "api_token_renewed").length;
    expect(renewals).toBeGreaterThanOrEqual(8);
    expect(renewals).toBeLessThanOrEqual(12);
    expect(new Set(client.events.map(({ type }) => type))).toEqual(new Set(["api_token_renewed"]));
  });

  it("is not asked about more often than every two minutes", async () => {
    const { world, client } = await openHour();
    await pass(world, client, 20 * 60, 5);
    expect(world.paths().length).toBeLessThanOrEqual((20 * 60) / LOOK_SECONDS);
    expect(new Set(world.paths())).toEqual(new Set(["self"]));
  });

  it("without an end is left alone", async () => {
    const world = await openWorld();
    const { token } = await world.issue(null);
    const client = world.open({ tokenStore: place(token) });
    await client.sign({});
    await isKnown(client);
    expect(client.health().apiToken).toMatchObject({ lastsSeconds: null, renewsInSeconds: null });
    await pass(world, client, 10 * HOUR, 600);
    expect(ids(world).length).toBe(1);
  });
});

describe("while renewing fails", () => {
  it("the token goes on, tries come with back-off, and the service's return is noticed", async () => {
    const { world, client, store, token } = await openHour();
    world.fault = ({ path }) => (path.endsWith("/rotate") ? { status: 503 } : null);
    await pass(world, client, HOUR - PREFETCH + 300, 10);
    expect(store.text).toBe(token);
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    const tries = client.events.filter(({ type }) => type === "api_token_not_renewed");
    expect(tries.length).toBeGreaterThan(5);
    expect(tries.length).toBeLessThan(40);
    expect(tries.slice(0, 3)).toEqual(
      [0.5, 1, 2].map((retrySeconds) => ({
        type: "api_token_not_renewed",
        because: "service_unavailable",
        retrySeconds,
      })),
    );
    expect(client.health().renewalFailure).toBe("service_unavailable");
    world.fault = null;
    await pass(world, client, 120, 10);
    expect(store.text).not.toBe(token);
    expect(client.health().renewalFailure).toBeNull();
  });

  it("because the answer was lost on its way, the next try is told the same successor", async () => {
    const { world, client, store, id } = await openHour();
    const { token: successor } = await world.tokens.rotate(id, { by: "the answer that was lost" });
    await pass(world, client, LOOK_SECONDS, 10);
    expect(store.text).toBe(successor);
    expect(ids(world).length).toBe(2);
  });

  it("because the successor's value is lost, that is said, and a token put into the store is taken", async () => {
    const { world, client, store } = await openHour();
    world.fault = ({ path }) =>
      path.endsWith("/rotate")
        ? { status: 200, body: JSON.stringify({ token: null, overlapUntil: world.clock.now() + OVERLAP }) }
        : null;
    await expect(client.rotateNow()).rejects.toMatchObject({ code: "api_token_ended" });
    await pass(world, client, HOUR - PREFETCH, 60);
    expect(client.events.at(-1)).toMatchObject({
      type: "api_token_not_renewed",
      because: "successor_lost",
    });
    const { token: another, id } = await world.issue(HOUR);
    store.text = another;
    await pass(world, client, 120, 10);
    expect(client.health()).toMatchObject({ apiToken: { id, saved: true }, renewalFailure: null });
  });
});

describe("the token store", () => {
  it("gives a restart the latest token", async () => {
    const { world, client, store, token } = await openHour();
    await client.rotateNow();
    await client.close();
    const again = world.open({ tokenStore: store, apiToken: token });
    world.asked.length = 0;
    await again.sign({});
    expect(world.asked[0]?.apiToken).toBe(store.text);
    expect(store.text).not.toBe(token);
  });

  it("that is empty leaves it to the option, whose successors it gets", async () => {
    const world = await openWorld();
    const { token } = await world.issue(HOUR);
    const store = place(null);
    const client = world.open({ tokenStore: store, apiToken: `${token}\n` });
    await client.sign({});
    await client.rotateNow();
    expect(store.text).toMatch(/^keyturn_/);
    expect(store.text).not.toBe(token);
  });

  it("that is empty, and no option, is said; and a token put there is found by the next call", async () => {
    const world = await openWorld();
    const store = place(null);
    const client = world.open({ tokenStore: store });
    await expect(client.sign({})).rejects.toMatchObject({ code: "unauthenticated" });
    expect(world.asked).toEqual([]);
    store.text = (await world.issue()).token;
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
  });

  it.each(["two lines\nof text", "\u0000", "x".repeat(5000), "", "ümlaut"])(
    "that holds no token is passed over: %j",
    async (text) => {
      const world = await openWorld();
      const { token } = await world.issue();
      const client = world.open({ tokenStore: place(text), apiToken: token });
      expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
      expect(client.events).toContainEqual({ type: "token_store_failed", operation: "load" });
    },
  );

  it("that fails stops nobody, and has the successor as soon as it works again", async () => {
    const { world, client, store, token } = await openHour();
    store.fails = true;
    await client.rotateNow();
    expect(client.events).toContainEqual({ type: "token_store_failed", operation: "save" });
    expect(client.health().apiToken?.saved).toBe(false);
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    store.fails = false;
    await pass(world, client, LOOK_SECONDS + 60, 10);
    expect(store.text).not.toBe(token);
    expect(client.health().apiToken?.saved).toBe(true);
    await pass(world, client, 2 * OVERLAP, 60);
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
  });

  it("shared by several clients is turned over once for all", async () => {
    const { world, client, store, token } = await openHour();
    const others = [world.open({ tokenStore: store }), world.open({ tokenStore: store })];
    for (const other of others) {
      await other.sign({});
      await isKnown(other);
    }
    for (let minute = 0; minute < 90; minute++) {
      world.timer.advance(60);
      await idle(world, client, ...others);
      for (const each of [client, ...others]) await each.sign({});
    }
    expect(store.text).not.toBe(token);
    expect(ids(world).length).toBeLessThanOrEqual(3);
    for (const each of [client, ...others])
      expect(each.events.map(({ type }) => type)).not.toContain("api_token_refused");
  });

  it("into which an operator puts another token is followed, without a refusal in between", async () => {
    const { world, client, store } = await openHour();
    const { token: another, id } = await world.issue(null);
    store.text = another;
    await pass(world, client, LOOK_SECONDS, 10);
    expect(client.health().apiToken).toMatchObject({ id, saved: true });
    expect(client.events).toEqual([]);
    await client.sign({});
    expect(world.asked.at(-1)?.apiToken).toBe(another);
  });

  it("into which someone puts what is no good token changes nothing", async () => {
    const { world, client, store, id } = await openHour();
    store.text = "keyturn_something_else";
    await pass(world, client, 2 * LOOK_SECONDS, 10);
    expect(client.health().apiToken?.id).toBe(id);
    expect(client.events).toEqual([]);
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
  });

  it("that another process has set back to the predecessor gets the latest again", async () => {
    const { world, client, store, token } = await openHour();
    await client.rotateNow();
    const latest = store.text;
    store.text = token;
    world.asked.length = 0;
    await pass(world, client, LOOK_SECONDS, 10);
    expect(store.text).toBe(latest);
    expect(world.paths()).not.toContain("rotate");
  });

  it("that has missed two successors gets the latest, and the client does not go back", async () => {
    const { world, client, store } = await openHour();
    store.fails = true;
    await client.rotateNow();
    await client.rotateNow();
    const { id } = client.health().apiToken ?? {};
    store.fails = false;
    world.asked.length = 0;
    await pass(world, client, LOOK_SECONDS, 10);
    expect(client.health().apiToken).toMatchObject({ id, saved: true });
    expect(world.paths()).not.toContain("rotate");
    expect(world.asked.map(({ apiToken }) => apiToken)).toContain(store.text);
  });

  it("that hangs holds up nobody", async () => {
    const world = await openWorld();
    const { token } = await world.issue();
    const hanging = { load: () => new Promise<never>(() => {}), save: () => new Promise<never>(() => {}) };
    const client = world.open({ tokenStore: hanging, apiToken: token });
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
  });
});

describe("when an API token is not accepted", () => {
  it("its predecessor is used while a node has not heard of it", async () => {
    const { world, client, store, token } = await openHour();
    await client.rotateNow();
    world.fault = ({ apiToken }) => (apiToken === store.text ? { status: 401 } : null);
    world.asked.length = 0;
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    expect(world.asked.map(({ apiToken }) => apiToken)).toEqual([store.text, token]);
    expect(client.events.at(-1)).toEqual({ type: "fell_back", to: "predecessor" });
    world.fault = null;
    world.asked.length = 0;
    await client.sign({});
    expect(world.asked.map(({ apiToken }) => apiToken)).toEqual([store.text]);
  });

  it("it is not taken for its predecessor, which the node does know", async () => {
    const { world, client, token } = await openHour();
    world.fault = ({ apiToken }) => (apiToken === token ? null : { status: 401 });
    await client.rotateNow();
    expect(client.health().apiToken).toMatchObject({ id: null, saved: true });
    world.asked.length = 0;
    await pass(world, client, 60, 10);
    expect(world.paths()).not.toContain("rotate");
    world.fault = null;
    await pass(world, client, 120, 10);
    expect(client.health().apiToken?.id).toBe(ids(world)[1]);
  });

  it("the one that another process or an operator has put away is used from then on", async () => {
    const { world, client, store, id } = await openHour();
    const other = await world.issue();
    await world.tokens.revoke(id, { reason: "It leaked.", by: "test" });
    store.text = other.token;
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    expect(client.events).toContainEqual({ type: "fell_back", to: "store" });
    expect(client.health().apiToken).toMatchObject({ refused: false });
    world.asked.length = 0;
    await client.sign({});
    expect(world.asked[0]?.apiToken).toBe(other.token);
  });

  it("the service is not asked with each call, and is again after a while", async () => {
    const { world, client, id } = await openHour();
    await world.tokens.revoke(id, { reason: "It leaked.", by: "test" });
    for (let call = 0; call < 50; call++)
      await expect(client.sign({})).rejects.toMatchObject({ code: "unauthenticated" });
    expect(world.paths().filter((path) => path === "tokens").length).toBe(1);
    expect(client.events.filter(({ type }) => type === "api_token_refused").length).toBe(1);
    expect(client.health().apiToken).toMatchObject({ id, refused: true });
    world.timer.advance(30);
    await expect(client.sign({})).rejects.toMatchObject({ code: "unauthenticated" });
    expect(world.paths().filter((path) => path === "tokens").length).toBe(2);
  });
});

describe("an operator who rotates a token on the host", () => {
  it("is followed within the overlap, by a client whose token has no end", async () => {
    const world = await openWorld();
    const { token, id } = await world.issue(null);
    const store: Place = place(token);
    const client = world.open({ tokenStore: store });
    await client.sign({});
    await isKnown(client);
    await world.tokens.rotate(id, { by: "operator", overlapSeconds: 300 });
    await pass(world, client, 900, 30);
    expect(store.text).not.toBe(token);
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    expect(client.events.map(({ type }) => type)).not.toContain("fell_back");
  });
});

describe("rotateNow", () => {
  it("fetches the successor at once, and twice the successor's successor", async () => {
    const { world, client, store, token } = await openHour();
    await client.rotateNow();
    const first = store.text;
    await client.rotateNow();
    expect(new Set([token, first, store.text]).size).toBe(3);
    expect(ids(world).length).toBe(3);
  });

  it("at the same time is one renewal", async () => {
    const { world, client } = await openHour();
    await Promise.all([client.rotateNow(), client.rotateNow(), client.rotateNow()]);
    expect(ids(world).length).toBe(2);
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
  });

  it("is not undone by the answer to an earlier one that comes late", async () => {
    let isFirst = true;
    let letGo = () => {};
    const late = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slowly: typeof fetch = async (...asked) => {
      const isLate = isFirst && `${asked[0]}`.endsWith("/rotate");
      if (isLate) isFirst = false;
      const response = await fetch(...asked);
      if (isLate) await late;
      return response;
    };
    const { client, store } = await openHour({ fetch: slowly });
    const first = client.rotateNow();
    await comesTo(() => !isFirst);
    await client.rotateNow();
    await client.rotateNow();
    const latest = { text: store.text, id: client.health().apiToken?.id };
    letGo();
    await first;
    expect({ text: store.text, id: client.health().apiToken?.id }).toEqual(latest);
  });

  it("fails where the service has no tokens that turn over, and signing goes on", async () => {
    const world = await openWorld();
    const { token } = await world.issue();
    world.fault = ({ path }) => (path.startsWith("/v1/api-tokens") ? { status: 404 } : null);
    const client = world.open({ apiToken: token });
    await expect(client.rotateNow()).rejects.toMatchObject({ code: "not_found" });
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    expect(client.health()).toMatchObject({
      apiToken: { id: null, renewsInSeconds: null },
      renewalFailure: null,
    });
  });
});
