/** A manager's life with every command and every kind of failure, and all that it shows meanwhile. */
import { parseKek } from "../../src/keys/kek.ts";
import { openJwk, sealJwk } from "../../src/keys/seal.ts";
import { openRing, sealRing } from "../../src/keys/sealed-ring.ts";
import { createSigner } from "../../src/keys/signer.ts";
import { committer } from "../../src/manager/commit.ts";
import { snapshotHolder } from "../../src/manager/snapshot.ts";
import type { Algorithm } from "../../src/ring/algorithm.ts";
import { emitterOf } from "../../src/ring/phase.ts";
import type { RingKey } from "../../src/ring/ring.ts";
import type { RingStore } from "../../src/store/store.ts";
import { createVerifier } from "../../src/verifier/index.ts";
import { faultyStore, type Place } from "../manager/faulty-store.ts";
import { ISSUER, KEK, kidIn, OTHER_KEK, openAlone, openNode, pass, settle } from "../manager/fleet.ts";
import type { Hearing } from "./hearing.ts";

/** Under which a key leaves it. */
export const PASSPHRASE = "qW7vXb2LkR9sTn4HcPz8"; // 120 bits, drawn once

/** Lives under KEK, then under OTHER_KEK; returns the place with every document that it ever had. */
export async function managerLife(alg: Algorithm, { settle: hear, show }: Hearing): Promise<Place> {
  const node = await openAlone({ policy: { alg, rsaBits: 2048 } });
  const { keys, store, place, events, clock } = node;

  await hear("results", keys.sign({ sub: "user-1" }));
  await pass(node, 1200);
  await hear("results", keys.rotate());
  await hear("results", keys.rollback({ reason: "drill" }));
  await hear("results", keys.exportKey({ passphrase: PASSPHRASE }, { reason: "moving" }));
  await hear("results", keys.exportKey({ passphrase: null }, { reason: "moving" }));
  await hear("results", keys.pause());
  await hear("results", keys.resume());
  await hear("results", keys.applyPolicy({ alg, rsaBits: 2048, tokenSeconds: 60 }));
  await settle(node);
  await hear("results", keys.revoke(kidIn(keys, "emitting"), { reason: "leaked" }));
  await hear("results", keys.tick());

  const both = await openNode(place, { kek: OTHER_KEK, previousKek: KEK, clock });
  await hear("results", both.keys.rewrap());
  await hear("results", both.keys.tick());
  const { document } = place.newest();

  for (const thing of [both, both.keys, both.keys.status(), both.keys.plan(), both.keys.jwks()])
    show("objects", thing);
  await showInsides(place, { settle: hear, show } as Hearing);

  store.down = true;
  clock.advance(121);
  for (const refused of [keys.sign({}), keys.tick(), keys.rotate(), keys.sign({ iss: KEK })])
    await hear("errors", refused);
  store.down = false;
  await hear("errors", keys.exportKey({ passphrase: PASSPHRASE.slice(1) }, { reason: "moving" }));
  await hear("errors", keys.revoke("nobody", { reason: "x" }));
  await hear("errors", keys.revoke(KEK, { reason: "" }));
  await hear("errors", openNode(place, { kek: KEK.slice(1) }));
  await hear("errors", openNode(place, { kek: `${KEK}${OTHER_KEK}` }));
  await hear("errors", openNode(place, { kek: KEK }));
  await hear("errors", openNode(place, { kek: OTHER_KEK, issuer: `http://${KEK}` }));
  both.store.commitFaults.push("unknown_committed", "unknown_not_committed", "conflict", "unavailable");
  await hear("errors", both.keys.pause());
  for (const damaged of [document.slice(0, -9), document.replace(/"mac": "../, '"mac": "AA')])
    await hear("errors", openNode(faultyStore(holding(damaged)), { kek: OTHER_KEK }));
  place.restore(await withHalvesSwapped(document));
  await hear("errors", openNode(place, { kek: OTHER_KEK }));
  await hear("errors", both.keys.refresh());
  for (const blabbing of blabbingStores(document))
    await hear(
      "errors",
      openNode(blabbing, { kek: OTHER_KEK }).then(({ keys: told }) => told.pause()),
    );
  for (const event of [...events, ...both.events]) show("events", event);
  return place;
}

/** What lies below the manager: snapshot, signer, verifier. */
async function showInsides(place: Place, { show, settle: hear }: Hearing): Promise<void> {
  const kek = await parseKek(OTHER_KEK);
  const { ring } = await openRing(place.newest().document, [kek]);
  const emitter = emitterOf(ring);
  const jwk = await openJwk(emitter.sealedJwk, { ring: ring.id, kid: emitter.kid }, kek);
  const clock = { now: () => ring.committedAt, monotonic: () => 0 };
  const onEvent = () => {};
  const snapshots = snapshotHolder({
    store: place,
    keks: [kek],
    clock,
    tokenTyp: "JWT",
    onRead: onEvent,
    onEvent,
  });
  await hear("objects", snapshots.reload());
  const commit = committer({ store: place, kek, clock, snapshots, onEvent });
  const signer = await createSigner(emitter, jwk, "JWT");
  const publicJwks = { keys: ring.keys.map(({ publicJwk, kid, alg }) => ({ ...publicJwk, kid, alg })) };
  const verifier = createVerifier({ issuer: ISSUER, audience: null, jwks: publicJwks, clock });
  await hear("objects", verifier.warm());
  for (const thing of [kek, ring, snapshots, commit, signer, verifier, verifier.health(), verifier.stats()])
    show("objects", thing);
}

function holding(document: string): RingStore {
  return { description: "memory", load: async () => ({ document, revision: "1" }), replace: async () => "2" };
}

/** Stores that fail with errors of their own, and say in them all that they know. */
function blabbingStores(document: string): RingStore[] {
  const fail = (what: string) => {
    throw Object.assign(new Error(`cannot keep ${what}`), { document: what });
  };
  return [
    { ...holding(document), load: async () => fail(document) },
    { ...holding(document), replace: async (next) => fail(next) },
  ];
}

/** A ring, authentic under OTHER_KEK, whose emitter's private half is another key's. */
async function withHalvesSwapped(document: string): Promise<string> {
  const kek = await parseKek(OTHER_KEK);
  const { ring } = await openRing(document, [kek]);
  const emitter = emitterOf(ring);
  const other = ring.keys.find((key) => key !== emitter) as RingKey;
  const jwk = await openJwk(other.sealedJwk, { ring: ring.id, kid: other.kid }, kek);
  const sealedJwk = await sealJwk(jwk, { ring: ring.id, kid: emitter.kid }, kek);
  const keys = ring.keys.map((key) => (key === emitter ? { ...key, sealedJwk } : key));
  return sealRing({ ...ring, keys }, kek);
}
