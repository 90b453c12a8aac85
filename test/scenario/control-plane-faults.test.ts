/** A service that signs through keyturn/client, while the server is killed, its store cannot be read, or its API token is revoked. */
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { ISSUER, openPlane } from "./control-plane/plane.ts";
import { startUnceasing, type Unceasing } from "./control-plane/unceasing.ts";
import { newFolder, startServer } from "./servers.ts";

/** What a patience of 10 s has room for, with what a server takes to start. */
const DOWN_SECONDS = 3;

const UNREADABLE_SECONDS = 4;
const LEASE_SECONDS = "30";

/** A store that has failed often is left alone for 5 s (`store/guarded.ts`). */
const STORE_RESTS_SECONDS = 6;

let service: Unceasing | null = null;
afterEach(async () => {
  await service?.stop();
  service = null;
});

it.each([0, DOWN_SECONDS])(
  "loses no call when the server is killed and started again %i s later",
  async (down) => {
    const folder = await newFolder();
    const { server, issue } = await openPlane(folder);
    const { url } = server;
    service = startUnceasing({ url, apiToken: (await issue("signer")).token });
    await service.signsAgain(5);
    server.send("SIGKILL");
    await server.ended;
    await delay(down * 1000);

    const revived = await startServer(folder, () => {}, { issuer: ISSUER, listen: new URL(url).host });
    await service.signsAgain(10);
    await service.stop();
    expect(service.failed()).toEqual({});
    expect(service.told()).toEqual(["request_retried"]);
    expect(await revived.stop()).toBe(0);
  },
);

it("is refused from the moment that its API token is revoked, says so, does not press, and takes up another", async () => {
  const { server, issue, administer } = await openPlane(await newFolder());
  const first = await issue("signer");
  let { token } = first;
  const tokenStore = {
    load: async () => token,
    save: async (successor: string) => {
      token = successor;
    },
  };
  service = startUnceasing({ url: server.url, tokenStore });
  await service.signsAgain(5);

  expect((await administer(`/v1/api-tokens/${first.id}/revoke`, { reason: "It leaked." })).status).toBe(200);
  // What was on its way may still be answered.
  await delay(100);
  const signed = service.signed();
  await delay(3000);
  expect(service.signed()).toBe(signed);
  expect(Object.keys(service.failed())).toEqual(["unauthenticated"]);
  expect(service.told()).toEqual(["api_token_refused"]);
  // Hundreds of calls, a handful of requests and one of the renewal's.
  expect(Object.values(service.answers.refused()).reduce((sum, count) => sum + count, 0)).toBeLessThan(25);
  await expect(service.client.rotateNow()).rejects.toMatchObject({ code: "unauthenticated" });

  // Taken up by itself when it looks again; at once when it is told to.
  ({ token } = await issue("signer"));
  await service.client.rotateNow();
  await service.client.sign({ sub: "user" });
  expect(service.told()).toEqual(["api_token_refused", "api_token_renewed"]);
});

it("notices nothing of a store that cannot be read for as long as the lease lasts, but that nothing turns over", async () => {
  const folder = await newFolder();
  const { server, issue } = await openPlane(folder, () => {}, { leaseSeconds: LEASE_SECONDS });
  const { token } = await issue("signer");
  service = startUnceasing({ url: server.url, apiToken: token });
  await service.signsAgain(5);
  const stores = ["ring", "api-tokens"].map((name) => join(folder, name));
  for (const store of stores) await takeAway(store);
  await delay(UNREADABLE_SECONDS * 1000);
  await expect(service.client.rotateNow()).rejects.toMatchObject({ code: "service_unavailable" });
  await service.signsAgain(1);
  for (const store of stores) await putBack(store);
  await delay(STORE_RESTS_SECONDS * 1000);
  await service.client.rotateNow();
  await service.signsAgain(1);
  await service.stop();
  expect(service.failed()).toEqual({});
  expect(service.told()).toEqual(["api_token_renewed"]);
  expect(Object.keys(service.answers.refused())).toEqual([
    "POST /v1/api-tokens/{id}/rotate 503 store_unavailable",
  ]);
});

/** A file in the place of the folder: that nobody can list, root included. */
async function takeAway(store: string): Promise<void> {
  await rename(store, `${store}.away`);
  await writeFile(store, "");
}

async function putBack(store: string): Promise<void> {
  await rm(store);
  await rename(`${store}.away`, store);
}
