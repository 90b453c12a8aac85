/** No private byte leaves the manager: everything it says is searched for every key it ever had. */
import { inspect } from "node:util";
import { base64url, type JWK } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { parseKek } from "../../src/keys/kek.ts";
import { openJwk, sealJwk } from "../../src/keys/seal.ts";
import { openRing, sealRing } from "../../src/keys/sealed-ring.ts";
import type { Algorithm } from "../../src/ring/algorithm.ts";
import { emitterOf } from "../../src/ring/phase.ts";
import type { RingKey } from "../../src/ring/ring.ts";
import { faultyStore, type Place } from "./faulty-store.ts";
import { KEK, kidIn, OTHER_KEK, openAlone, openNode, pass, ringIn, settle } from "./fleet.ts";

/** Every private member of every key that `there` ever stored. */
async function privateMembersIn({ history }: Place): Promise<string[]> {
  const found = new Set<string>();
  const keks = await Promise.all([KEK, OTHER_KEK].map((kek) => parseKek(kek)));
  for (const { document } of history) {
    const { id, keys } = await ringIn(document, KEK, OTHER_KEK);
    const kek = keks.find((candidate) => candidate.id === JSON.parse(document).kek);
    for (const { kid, sealedJwk, publicJwk } of keys) {
      const jwk: JWK = await openJwk(sealedJwk, { ring: id, kid }, kek as NonNullable<typeof kek>);
      for (const [name, value] of Object.entries(jwk)) if (!(name in publicJwk)) found.add(value as string);
    }
  }
  return [...found];
}

/** The ways in which a secret of some bytes might be written down. */
function writings(secret: string): string[] {
  const bytes = Buffer.from(base64url.decode(secret));
  const hex = bytes.toString("hex");
  // A scrap of the middle is enough to give a secret away, and survives cutting and other alignment.
  const scraps = [secret.slice(8, 24), bytes.toString("base64").slice(8, 24)];
  const list = [...bytes.subarray(4, 12)];
  const inHex = [hex.slice(16, 48), hex.slice(16, 48).toUpperCase()];
  return [...new Set([...scraps, ...inHex, BigInt(`0x${hex}`).toString(), list.join(","), list.join(", ")])];
}

function leaksIn(said: readonly string[], secrets: readonly string[]): string[] {
  return secrets.flatMap(writings).filter((writing) => said.some((text) => text.includes(writing)));
}

/** All that can be seen of a value. */
function seen(value: unknown): string[] {
  const deep = { depth: 20, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null };
  const texts = [inspect(value, deep), String(value), JSON.stringify(value) ?? ""];
  if (value instanceof Error) texts.push(value.stack ?? "", inspect(value.cause, deep), value.message);
  return texts;
}

/** A ring, authentic under OTHER_KEK, whose emitter's private half is another key's. */
async function withHalvesSwapped(document: string): Promise<string> {
  const kek = await parseKek(OTHER_KEK);
  const { ring } = await openRing(document, [kek]);
  const emitter = emitterOf(ring);
  const other = ring.keys.find((key) => key !== emitter) as RingKey;
  const jwk = await openJwk(other.sealedJwk, { ring: ring.id, kid: other.kid }, kek);
  const sealedJwk = await sealJwk(jwk, { ring: ring.id, kid: emitter.kid }, kek);
  return sealRing(
    { ...ring, keys: ring.keys.map((key) => (key === emitter ? { ...key, sealedJwk } : key)) },
    kek,
  );
}

/** A life with every command and every kind of failure; returns all that was said in it. */
async function lifeOf(alg: Algorithm): Promise<{ said: string[]; place: Place }> {
  const node = await openAlone({ policy: { alg, rsaBits: 2048 } });
  const { keys, store, place, events } = node;
  const said: string[] = [];
  const hear = async (work: unknown) => {
    const outcome: unknown = await Promise.resolve(work).catch((error: unknown) => error);
    said.push(...seen(outcome));
  };

  await hear(keys.sign({ sub: "user-1" }));
  await pass(node, 1200);
  for (const give of [() => keys.rotate(), () => keys.rollback({ reason: "drill" }), () => keys.pause()])
    await hear(give());
  for (const give of [() => keys.resume(), () => keys.applyPolicy({ alg, rsaBits: 2048, tokenSeconds: 60 })])
    await hear(give());
  await settle(node);
  await hear(keys.revoke(kidIn(keys, "emitting"), { reason: "leaked" }));
  await hear(keys.tick());

  const both = await openNode(place, { kek: OTHER_KEK, previousKek: KEK, clock: node.clock });
  await hear(both.keys.rewrap());
  await hear(both.keys.tick());
  for (const everything of [
    both.keys,
    both.keys.status(),
    both.keys.plan(),
    both.keys.jwks(),
    both.keys.ring(),
  ]) {
    await hear(everything);
  }

  await hear(keys.refresh());
  store.down = true;
  node.clock.advance(121);
  for (const refused of [keys.sign({}), keys.tick(), keys.rotate(), keys.sign({ iss: KEK })])
    await hear(refused);
  store.down = false;
  await hear(keys.revoke("nobody", { reason: "x" }));
  await hear(openNode(place, { kek: `${KEK.slice(1)}` }));
  await hear(openNode(place, { kek: KEK }));
  both.store.commitFaults.push("unknown_committed", "unknown_not_committed", "conflict");
  await hear(both.keys.pause());
  const { document } = place.newest();
  for (const damaged of [document.slice(0, -9), document.replace(/"mac": "../, '"mac": "AA')]) {
    const lying = faultyStore({ ...place, load: async () => ({ document: damaged, revision: "damaged" }) });
    await hear(openNode(lying, { kek: OTHER_KEK }));
  }
  place.restore(await withHalvesSwapped(document));
  await hear(openNode(place, { kek: OTHER_KEK }));
  for (const event of [...events, ...both.events]) said.push(...seen(event));
  return { said, place };
}

describe("nothing that a manager says or shows", () => {
  for (const alg of ["ES256", "EdDSA", "RS256"] as const) {
    describe(`with ${alg} keys`, () => {
      let said: string[];
      let secrets: string[];
      beforeAll(async () => {
        const life = await lifeOf(alg);
        said = life.said;
        secrets = await privateMembersIn(life.place);
      });

      it("holds a private member of any key", () => {
        expect(said.some((text) => text.includes("key_selftest_failed"))).toBe(true);
        expect(secrets.length).toBeGreaterThanOrEqual(alg === "RS256" ? 4 * 6 : 4);
        expect(said.length).toBeGreaterThan(100);
        expect(leaksIn(said, secrets)).toEqual([]);
      });

      it("holds a KEK", () => {
        expect(leaksIn(said, [KEK, OTHER_KEK])).toEqual([]);
      });

      it("would have passed this search with a secret in it", () => {
        for (const secret of [KEK, secrets[0] as string]) {
          for (const writing of writings(secret))
            expect(leaksIn([...said, `…${writing}…`], [secret])).toEqual([writing]);
          const jwk = { kty: "EC", d: secret };
          expect(leaksIn(seen(new Error("leak", { cause: jwk })), [secret])).not.toEqual([]);
        }
      });
    });
  }
});

describe("the stored document", () => {
  it("holds private keys only sealed", async () => {
    const { place } = await lifeOf("ES256");
    const secrets = await privateMembersIn(place);
    expect(
      leaksIn(
        place.history.map(({ document }) => document),
        [...secrets, KEK, OTHER_KEK],
      ),
    ).toEqual([]);
  });
});
