/** When another API token than the latest is worth a try, and which of them is put away. */
import { describe, expect, it } from "vitest";
import { LOOK_SECONDS } from "../../src/client/api-token.ts";
import { comesTo, isKnown, openWorld, type Place, place, problem } from "./service-world.ts";

/** A client with a token in a place of its own, that no service has accepted before a second is issued. */
async function openTwo() {
  const world = await openWorld();
  const [own, other] = [await world.issue(), await world.issue()];
  const store = place(own.token);
  const loads: (string | null)[] = [];
  const load = store.load.bind(store);
  store.load = async () => {
    const text = await load();
    loads.push(text);
    return text;
  };
  const client = world.open({ tokenStore: store, random: () => 1000 });
  await client.sign({});
  await isKnown(client);
  world.asked.length = 0;
  client.events.length = 0;
  loads.length = 0;
  return { world, client, store, own, other, loads };
}

const busy = await problem(429, "rate_limited").text();
const down = await problem(503, "store_unavailable").text();

describe("an answer that does not say whether it is the API token", () => {
  it("of a node that cannot look up a successor leaves its predecessor, which that node knows", async () => {
    const { world, client, own } = await openTwo();
    await client.rotateNow();
    world.fault = ({ apiToken }) => (apiToken === own.token ? null : { status: 503, body: down });
    world.asked.length = 0;
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    expect(world.asked).toHaveLength(2);
    expect(client.events.at(-1)).toEqual({ type: "fell_back", to: "predecessor" });
    world.fault = null;
    await client.sign({});
    expect(world.asked.at(-1)?.apiToken).not.toBe(own.token);
  });

  it("is what the latest token got, where no other is accepted either", async () => {
    const { world, client, own, loads } = await openTwo();
    await client.rotateNow();
    loads.length = 0;
    world.fault = ({ apiToken }) => (apiToken === own.token ? { status: 401 } : { status: 503, body: down });
    const error = await client.sign({}).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "service_unavailable",
      message: expect.stringContaining("503 store_unavailable"),
    });
    expect(client.health().apiToken?.refused).toBe(false);
    expect(loads).toEqual([]);
  });

  it("during a flood of strangers leaves the token that was put into the store", async () => {
    const { world, client, store, own, other } = await openTwo();
    await world.tokens.revoke(own.id, { reason: "It leaked.", by: "test" });
    store.text = other.token;
    world.fault = ({ apiToken }) => (apiToken === own.token ? { status: 429, body: busy } : null);
    expect(await client.sign({})).toMatchObject({ kid: "kid-1" });
    expect(client.events).toEqual([{ type: "fell_back", to: "store" }]);
  });

  it("does not have a client that asks too often take up the token of its options again", async () => {
    const { world, own, other } = await openTwo();
    const client = world.open({ tokenStore: place(own.token), apiToken: other.token, random: () => 1000 });
    await client.sign({});
    world.fault = ({ apiToken }) => (apiToken === own.token ? { status: 429, body: busy } : null);
    await expect(client.sign({})).rejects.toMatchObject({ code: "rate_limited" });
    expect(client.events.map(({ type }) => type)).not.toContain("fell_back");
  });

  it("does not have the store read with each call of a client that asks too often", async () => {
    const { world, client, loads } = await openTwo();
    world.fault = () => ({ status: 429, body: busy });
    for (let call = 0; call < 5; call++)
      await expect(client.sign({})).rejects.toMatchObject({ code: "rate_limited" });
    expect(loads).toHaveLength(1);
    world.clock.advance(30);
    await expect(client.sign({})).rejects.toMatchObject({ code: "rate_limited" });
    expect(loads).toHaveLength(2);
  });
});

describe("a token store into which someone has put a dead API token", () => {
  async function look(world: Awaited<ReturnType<typeof openWorld>>): Promise<void> {
    world.timer.advance(LOOK_SECONDS);
    await comesTo(() => world.timer.set() === 1);
  }

  async function openDead() {
    const opened = await openTwo();
    await opened.world.tokens.revoke(opened.other.id, { reason: "Gone.", by: "test" });
    return opened;
  }

  it("is said not to hold the client's, and gets that back when the other is refused a look later too", async () => {
    const { world, client, store, own, other } = await openDead();
    const saved = () => client.health().apiToken?.saved;
    expect(saved()).toBe(true);
    store.text = other.token;
    await look(world);
    expect([saved(), store.text]).toEqual([false, other.token]);
    await look(world);
    expect([saved(), store.text]).toEqual([true, own.token]);
  });

  it("is left alone where it turns out to be a successor that a node had not heard of", async () => {
    const { world, client, store, own } = await openTwo();
    const { token } = await world.tokens.rotate(own.id, { by: "another process" });
    store.text = token;
    world.fault = ({ apiToken }) => (apiToken === token ? { status: 401 } : null);
    await look(world);
    expect(store.text).toBe(token);
    world.fault = null;
    await look(world);
    expect(client.health().apiToken).toMatchObject({ saved: true });
    expect(store.text).toBe(token);
  });

  it("holds it no longer in doubt when its own has been put back by hand", async () => {
    const { world, client, store, own, other } = await openDead();
    const spoilt = async (in_: Place) => {
      in_.text = other.token;
      await look(world);
    };
    await spoilt(store);
    store.text = own.token;
    await look(world);
    expect(client.health().apiToken?.saved).toBe(true);
    await spoilt(store);
    expect([client.health().apiToken?.saved, store.text]).toEqual([false, other.token]);
  });
});
