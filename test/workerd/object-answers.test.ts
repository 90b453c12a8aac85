/** What an object remembers of requests over its rests, and whom it asks about callers and secrets. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { tokenText } from "../../src/api-tokens/token-text.ts";
import { REMEMBERED_SECONDS } from "../../src/http/idempotency.ts";
import { generateKek } from "../../src/keys/kek.ts";
import type { MovableClock } from "../../src/testing/movable-clock.ts";
import {
  ask,
  type LoggedLine,
  loggedLines,
  movedClock,
  newName,
  objectOf,
  rebind,
  statusOf,
  tick,
} from "./ring-object.ts";

let clock: MovableClock;
let lines: LoggedLine[];
let name: string;

beforeEach(() => {
  clock = movedClock();
  lines = loggedLines();
  name = newName();
});

interface Issued {
  readonly token: string | null;
  readonly apiToken: { readonly id: string };
}

const KEY = { "Idempotency-Key": "5e0f3c5a-8a3e-4c55-9f0c-0a7f7f1f0b11" };

const issue = (asName = "orders", headers: Readonly<Record<string, string>> = KEY) =>
  ask<Issued>(objectOf(name), "/v1/api-tokens", { name: asName, role: "signer" }, headers);

const randomToken = () => tokenText(crypto.getRandomValues(new Uint8Array(32)));

describe("a command that is sent again under its key when the object has rested", () => {
  it("is answered as before, without the value that is told once, and for a day", async () => {
    const first = await issue();
    expect(first).toMatchObject({ status: 201, body: { token: expect.any(String) } });
    await evictDurableObject(objectOf(name));
    const again = await issue();
    expect(again).toEqual({ status: 201, body: { ...first.body, token: null } });
    const kept = await runInDurableObject(objectOf(name), (_, { storage }) =>
      storage.sql.exec("SELECT * FROM answers").toArray(),
    );
    expect(JSON.stringify(kept)).not.toContain(first.body.token);
    clock.advance(REMEMBERED_SECONDS);
    await evictDurableObject(objectOf(name));
    expect((await issue()).body.apiToken.id).not.toBe(first.body.apiToken.id);
  });

  it("is refused where it is another command", async () => {
    await issue();
    await evictDurableObject(objectOf(name));
    expect(await issue("billing")).toMatchObject({ status: 422, body: { code: "idempotency_mismatch" } });
  });

  it("has been done also where there was no room to keep the answer", async () => {
    await tick(objectOf(name));
    await runInDurableObject(objectOf(name), async (instance, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      const spy = vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
        if (query.includes("INTO answers")) throw new Error("database or disk is full: SQLITE_FULL");
        return exec(query, ...bindings);
      });
      const answer = await ask(instance, "/v1/ring/pause", {}, KEY);
      expect(answer).toMatchObject({ status: 200, body: { changed: true } });
      spy.mockRestore();
    });
  });
});

describe("strangers", () => {
  it("with made up tokens have the object's storage read once for each, and none waits", async () => {
    await issue();
    const bearer = { Authorization: `Bearer ${await randomToken()}` };
    await runInDurableObject(objectOf(name), async (instance, { storage }) => {
      const spy = vi.spyOn(storage.sql, "exec");
      expect((await ask(instance, "/v1/ring", undefined, bearer)).status).toBe(401);
      const reads = spy.mock.calls.filter(([, place]) => place === "api-tokens");
      expect(reads).toHaveLength(1);
      spy.mockRestore();
    });
  });

  it("of an object that cannot be opened are a few lines in the log", async () => {
    await tick(objectOf(name));
    await evictDurableObject(objectOf(name));
    await rebind(name, { KEYTURN_KEK: generateKek() });
    for (let i = 0; i < 300; i++) expect((await ask(objectOf(name), "/v1/ring")).status).toBe(503);
    const logged = (part: string) => lines.filter(({ msg }) => String(msg).includes(part)).length;
    expect(logged("the ring could not be read")).toBe(1);
    expect(logged("request failed")).toBeLessThanOrEqual(210);
  });

  it("and everybody else are told why, where the API tokens cannot be read", async () => {
    const { body } = await issue();
    await runInDurableObject(objectOf(name), (_, { storage }) => {
      storage.sql.exec("UPDATE documents SET document = '{}', revision = 'x' WHERE place = 'api-tokens'");
    });
    await evictDurableObject(objectOf(name));
    const answer = await ask(
      objectOf(name),
      "/v1/tokens",
      { claims: { sub: "a" } },
      {
        Authorization: `Bearer ${body.token}`,
      },
    );
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ code: expect.stringMatching(/^api_tokens_/) });
  });
});

describe("a secret of the Secrets Store that has changed", () => {
  const bound = (secret: { value: string | null }) => ({
    KEYTURN_ADMIN_TOKEN: {
      get: async () => {
        if (secret.value === null) throw new Error("The Secrets Store cannot be reached.");
        return secret.value;
      },
    },
  });
  const as = async (token: string) =>
    (await ask(objectOf(name), "/v1/ring", undefined, { Authorization: `Bearer ${token}` })).status;

  it("is in force within the lease, and the one before is not kept beyond it but by an outage", async () => {
    const [leaked, fresh] = [await adminToken(), await adminToken()];
    const secret: { value: string | null } = { value: leaked };
    await rebind(name, bound(secret));
    expect(await as(leaked)).toBe(200);
    secret.value = null;
    clock.advance(120);
    expect(await as(leaked)).toBe(200);
    secret.value = fresh;
    clock.advance(60);
    expect([await as(leaked), await as(fresh)]).toEqual([401, 200]);
  });

  it("is read once for all who come meanwhile, and no use of an API token is lost over it", async () => {
    const admin = await adminToken();
    let reads = 0;
    const KEYTURN_ADMIN_TOKEN = {
      async get() {
        reads += 1;
        return admin;
      },
    };
    await rebind(name, { KEYTURN_ADMIN_TOKEN });
    const bearer = { Authorization: `Bearer ${admin}` };
    const { body } = await issue("orders", bearer);
    const signer = { Authorization: `Bearer ${body.token}` };
    expect((await ask(objectOf(name), "/v1/tokens", { claims: { sub: "a" } }, signer)).status).toBe(200);
    const usedAt = clock.now();
    clock.advance(120);
    expect(reads).toBe(1);
    await runInDurableObject(objectOf(name), (instance) =>
      Promise.all(Array.from({ length: 20 }, () => ask(instance, "/v1/ring", undefined, bearer))),
    );
    expect(reads).toBe(2);
    const listed = await ask<{ readonly apiTokens: readonly object[] }>(
      objectOf(name),
      "/v1/api-tokens",
      undefined,
      bearer,
    );
    expect(JSON.stringify(listed.body)).toContain(`"lastUsedAt":${usedAt}`);
  });

  it("is asked for once by an object whose secrets are all text", async () => {
    await statusOf(objectOf(name));
    const before = await runInDurableObject(objectOf(name), (_, { storage }) => {
      const spy = vi.spyOn(storage.sql, "exec");
      return spy;
    });
    clock.advance(3600);
    await statusOf(objectOf(name));
    expect(before.mock.calls.filter(([query]) => query.includes("FROM audit ORDER"))).toEqual([]);
    before.mockRestore();
  });
});

/** Of no form of keyturn's own. */
async function adminToken(): Promise<string> {
  const bytes = crypto.getRandomValues(new Uint8Array(48));
  return btoa(String.fromCharCode(...bytes)).replaceAll(/[+/=]/g, "x");
}
