/** Isolates when the KEK turns over in the Secrets Store, which no deployment announces. */
import { expect, it } from "vitest";
import type { KeyRingNamespace } from "../../src/cloudflare/platform.ts";
import { generateKek } from "../../src/keys/kek.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { type Deployment, deployment, JWKS, NO_CACHE } from "./worker-isolate.ts";

it("an isolate signs on through a turnover of the KEK: it reads the secret anew", async () => {
  const place = await deployment();
  const [old, next] = [generateKek(), generateKek()];
  const { store, rewrap } = await ringUnder(place, old);
  const secrets = { kek: old };
  const environment = {
    ...place.environment,
    KEYTURN_KEK: { get: async () => secrets.kek },
    KEY_RING: reading(store, place),
  };
  const isolate = place.isolate(NO_CACHE, environment);
  const readOnly = place.isolate(NO_CACHE, environment);
  const first = await readOnly.ask(JWKS);
  const { kid } = (await isolate.sign()).body;
  await rewrap(next);
  place.clock.advance(60);
  expect((await isolate.sign()).body.kid).toBe(kid);
  secrets.kek = next;
  place.clock.advance(59);
  expect((await isolate.sign()).body.kid).toBe(kid);
  place.clock.advance(100);
  expect((await isolate.sign()).body.kid).toBe(kid);
  const later = await readOnly.ask(JWKS);
  expect(later.headers.get("Cache-Control")).toBe(first.headers.get("Cache-Control"));
  expect(later.headers.get("ETag")).not.toBe(first.headers.get("ETag"));
});

it("an isolate that has met another KEK reads no secret any more once it can read the ring again", async () => {
  const place = await deployment();
  const [own, other] = [generateKek(), generateKek()];
  const [ring, moved] = [await ringUnder(place, own), await ringUnder(place, own)];
  // Of another revision too, by which it is told from the one that is known.
  await moved.rewrap(other);
  let shown = ring.store;
  let asked = 0;
  let fails = false;
  const get = async () => {
    asked += 1;
    if (fails) throw new Error("not today");
    return own;
  };
  const store = { ...ring.store, load: () => shown.load() };
  const environment = { ...place.environment, KEYTURN_KEK: { get }, KEY_RING: reading(store, place) };
  const isolate = place.isolate(NO_CACHE, environment);
  const later = async () => {
    place.clock.advance(20);
    expect((await isolate.sign()).status).toBe(200);
    return asked;
  };
  await isolate.sign();
  shown = moved.store;
  expect(await later()).toBe(1);
  shown = ring.store;
  fails = true;
  expect([await later(), await later(), await later()]).toEqual([2, 2, 2]);
});

async function ringUnder({ clock }: Deployment, kek: string) {
  const store = memoryStore();
  const options = { store, clock, issuer: "https://auth.example.com" };
  await createKeyManager({ ...options, kek });
  return {
    store,
    async rewrap(next: string) {
      const manager = await createKeyManager({ ...options, kek: next, previousKek: kek });
      await manager.rewrap({ actor: "test" });
    },
  };
}

/** Objects whose ring is in `store`. */
function reading(store: ReturnType<typeof memoryStore>, { environment }: Deployment): KeyRingNamespace {
  return {
    getByName: (ring) => ({
      ...environment.KEY_RING.getByName(ring),
      load: async (place) => ({ value: place === "ring" ? await store.load() : null }),
    }),
  };
}
