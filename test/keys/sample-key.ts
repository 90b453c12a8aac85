/** Real keys and real rings for the tests, each made once. */
import type { JWK } from "jose";
import { generateKey } from "../../src/keys/generate.ts";
import { generateKek, type Kek, parseKek } from "../../src/keys/kek.ts";
import { openJwk } from "../../src/keys/seal.ts";
import { recorded } from "../../src/manager/commit.ts";
import type { Algorithm, RsaBits } from "../../src/ring/algorithm.ts";
import { parsePolicy } from "../../src/ring/policy.ts";
import type { KeyRing, NewKey } from "../../src/ring/ring.ts";
import { accept, type Change, emit, firstRing, revoke } from "../../src/ring/step.ts";

export const NOW = 1_800_000_000;
export const RING = "sample-ring";

export const KEK_TEXT: string = generateKek();
export const kek: Kek = await parseKek(KEK_TEXT);
export const otherKek: Kek = await parseKek(generateKek());

export interface SampleKey {
  readonly key: NewKey;
  readonly privateJwk: JWK;
}

const made = new Map<string, Promise<SampleKey>>();

/** The key of this algorithm; another one for another `name`. */
export function sampleKey(alg: Algorithm, name = "", rsaBits: RsaBits = 2048): Promise<SampleKey> {
  const wanted = `${alg} ${name} ${rsaBits}`;
  const key = made.get(wanted) ?? generated(alg, rsaBits);
  made.set(wanted, key);
  return key;
}

async function generated(alg: Algorithm, rsaBits: RsaBits): Promise<SampleKey> {
  const key = await generateKey({ alg, rsaBits }, RING, kek);
  return { key, privateJwk: await openJwk(key.sealedJwk, { ring: RING, kid: key.kid }, kek) };
}

/** A ring in its second life: one key revoked by an operator, one emitting, one accepted. */
export async function sampleRing(): Promise<{ ring: KeyRing; keys: SampleKey[] }> {
  const names = ["first", "second", "third"];
  const keys = await Promise.all(names.map((name) => sampleKey("ES256", name)));
  const [first, second, third] = keys.map(({ key }) => key) as [NewKey, NewKey, NewKey];
  const commit = (base: KeyRing | null, change: Change | null, at: number) =>
    recorded(base, change as Change, at, { trigger: "manual", actor: "test", reason: null });

  let ring = await commit(null, firstRing(RING, parsePolicy({}), [first, second], NOW, true), NOW);
  ring = await commit(ring, emit(ring, second.kid, NOW + 1200), NOW + 1200);
  ring = await commit(ring, accept(ring, third, NOW + 1260, true), NOW + 1260);
  ring = await commit(ring, revoke(ring, first.kid, "leaked", NOW + 1300, null), NOW + 1300);
  return { ring, keys };
}

/** What must never be seen: the private members of a JWK. */
export function privateMembersOf(jwk: JWK): string[] {
  const members = ["d", "p", "q", "dp", "dq", "qi", "priv"] as const;
  return members.flatMap((member) => (typeof jwk[member] === "string" ? [jwk[member]] : []));
}
