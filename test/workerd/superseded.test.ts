/** An instance that was replaced without knowing it: it decides by what stands in storage, not by what it remembers. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { KeyRingObject } from "../../src/cloudflare/key-ring-object.ts";
import type { MovableClock } from "../../src/testing/movable-clock.ts";
import {
  ask,
  auditOf,
  instanceIn,
  loggedLines,
  movedClock,
  newName,
  objectOf,
  statusOf,
  tick,
} from "./ring-object.ts";

type State = Parameters<Parameters<typeof runInDurableObject>[1]>[1];

let clock: MovableClock;

beforeEach(() => {
  clock = movedClock();
  loggedLines();
});

/** Two instances over one storage, which both know the ring as it was first. */
function twice(
  work: (older: KeyRingObject, newer: KeyRingObject, state: State) => Promise<void>,
): Promise<void> {
  return runInDurableObject(objectOf(newName()), async (older, state) => {
    const newer = instanceIn(state);
    await Promise.all([tick(older), statusOf(older), tick(newer)]);
    clock.advance(3600);
    await work(older, newer, state);
  });
}

async function revokedByNewer(newer: KeyRingObject): Promise<string> {
  const { emitter } = await statusOf(newer);
  const answer = await ask(newer, `/v1/keys/${emitter}/revoke`, { reason: "It leaked.", emergency: true });
  expect(answer.status).toBe(200);
  return emitter;
}

const asSigner = { Authorization: `Bearer ${env.KEYTURN_API_TOKEN}` };
const order = { claims: { sub: "user-1" } };

describe("after another instance has revoked the key that signs", () => {
  it("it loads what the other wrote", () =>
    twice(async (older, newer) => {
      await revokedByNewer(newer);
      expect(await older.load("ring")).toEqual(await newer.load("ring"));
    }));

  it("it shows and signs with what the other left", () =>
    twice(async (older, newer) => {
      const revoked = await revokedByNewer(newer);
      const { status, body } = await ask<{ readonly kid: string }>(older, "/v1/tokens", order, asSigner);
      expect(status).toBe(200);
      expect(body.kid).not.toBe(revoked);
      const jwks = await ask<object>(older, "/.well-known/jwks.json");
      expect(JSON.stringify(jwks.body)).not.toContain(revoked);
      const { generation } = await statusOf(newer);
      expect(await statusOf(older)).toMatchObject({ emitter: body.kid, generation });
    }));

  it("it does not revoke again, and commits on top of what the other wrote", () =>
    twice(async (older, newer) => {
      const revoked = await revokedByNewer(newer);
      const again = await ask<{ readonly code: string }>(older, `/v1/keys/${revoked}/revoke`, {
        reason: "It leaked.",
        emergency: true,
      });
      expect([again.status, again.body.code]).toEqual([409, "kid_revoked"]);
      await ask(older, "/v1/ring/pause", {});
      expect((await auditOf(newer)).map(({ event }) => event)).toEqual(["init", "revoke", "pause"]);
    }));

  it("a tick of it takes no step that was taken", () =>
    twice(async (older, newer) => {
      clock.advance(31 * 86_400);
      expect((await tick(newer)).step?.step).toBe("emit");
      expect((await tick(older)).step?.step).toBe("accept");
      expect(await tick(newer)).toMatchObject({ step: null });
      expect((await auditOf(older)).map(({ event }) => event)).toEqual(["init", "emit", "accept"]);
    }));

  it("an API token that the other revoked is not good here", () =>
    twice(async (older, newer) => {
      type Issued = { readonly token: string; readonly view: { readonly id: string } };
      const issued = await ask<{ readonly token: string; readonly apiToken: Issued["view"] }>(
        newer,
        "/v1/api-tokens",
        {
          name: "orders",
          role: "signer",
        },
      );
      const bearer = { Authorization: `Bearer ${issued.body.token}` };
      expect((await ask(older, "/v1/tokens", order, bearer)).status).toBe(200);
      const { body } = await ask<{ readonly apiTokens: readonly Issued["view"][] }>(newer, "/v1/api-tokens");
      const revoked = await ask(newer, `/v1/api-tokens/${body.apiTokens[0]?.id}/revoke`, {
        reason: "It leaked.",
      });
      expect(revoked.status).toBe(200);
      expect((await ask(older, "/v1/tokens", order, bearer)).status).toBe(401);
    }));
});

describe("an older ring that was put back", () => {
  const putBack = async (older: KeyRingObject, newer: KeyRingObject, { storage }: State) => {
    const [old] = storage.sql.exec("SELECT document, revision FROM documents WHERE place = 'ring'").toArray();
    await revokedByNewer(newer);
    await statusOf(older);
    const { document, revision } = old ?? {};
    storage.sql.exec(
      "UPDATE documents SET document = ?, revision = ? WHERE place = 'ring'",
      String(document),
      String(revision),
    );
  };

  it("is refused in every door", () =>
    twice(async (older, newer, state) => {
      await putBack(older, newer, state);
      for (const instance of [older, newer]) {
        expect(await instance.load("ring")).toMatchObject({ error: { code: "ring_rolled_back" } });
        expect(await instance.tick()).toMatchObject({ error: { code: "ring_rolled_back" } });
        for (const [path, body] of [["/v1/ring"], ["/v1/tokens", order], ["/v1/ring/rotate", {}]] as const)
          expect(await ask(instance, path, body)).toMatchObject({ body: { code: "ring_rolled_back" } });
      }
    }));

  it("is refused by an instance that has just begun too, because its records know better", () =>
    twice(async (older, newer, state) => {
      await putBack(older, newer, state);
      const fresh = instanceIn(state);
      expect(await fresh.load("ring")).toMatchObject({ error: { code: "ring_rolled_back" } });
      expect(await fresh.tick()).toMatchObject({ error: { code: "ring_rolled_back" } });
    }));

  it("as none at all makes no new ring in its place", () =>
    twice(async (older, newer, state) => {
      state.storage.sql.exec("DELETE FROM documents");
      for (const instance of [older, newer, instanceIn(state)])
        expect(await instance.tick()).toMatchObject({ error: { code: "ring_rolled_back" } });
      expect(state.storage.sql.exec("SELECT * FROM documents").toArray()).toEqual([]);
    }));
});
