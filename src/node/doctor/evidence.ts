/** What the checks of ring and KEK judge by. Read once, and nothing written: a doctor changes nothing. */
import { isKeyturnError, type KeyturnError } from "../../errors.ts";
import { selfTest } from "../../keys/generate.ts";
import { type Kek, parseKek } from "../../keys/kek.ts";
import { openJwk } from "../../keys/seal.ts";
import { openRing } from "../../keys/sealed-ring.ts";
import type { KeyRing } from "../../ring/ring.ts";
import { ringMissing } from "../../store/store.ts";
import type { Config } from "../config.ts";
import { readKeks } from "../secrets.ts";
import { storeOf } from "../store.ts";

export interface RingEvidence {
  readonly ring: KeyRing;
  /** The KEK that it is sealed under. */
  readonly kek: Kek;
  /** When the store took it, by the store's own clock; null where it cannot tell. */
  readonly storedAt: number | null;
}

export interface Evidence {
  /** Those configured, the present one first. */
  readonly keks: readonly Kek[] | KeyturnError;
  readonly ring: RingEvidence | KeyturnError;
}

export async function gathered(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Evidence> {
  const keks = await orRefusal(() => keksIn(config, environment));
  const ring = isKeyturnError(keks) ? keks : await orRefusal(() => ringIn(config, keks));
  return { keks, ring };
}

async function keksIn(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Kek[]> {
  // A copy: what is read of it is deleted there.
  const { kek, previousKek } = await readKeks(config, { ...environment });
  return Promise.all([kek, ...(previousKek === null ? [] : [previousKek])].map((text) => parseKek(text)));
}

async function ringIn(config: Config, keks: readonly Kek[]): Promise<RingEvidence> {
  const store = storeOf(config, "ring");
  const stored = await store.load();
  if (stored === null) throw ringMissing(store);
  const { ring, kek } = await openRing(stored.document, keks);
  for (const key of ring.keys) {
    await selfTest(key, await openJwk(key.sealedJwk, { ring: ring.id, kid: key.kid }, kek));
  }
  return { ring, kek, storedAt: stored.storedAt ?? null };
}

/** A refusal is a finding; anything else is a bug, and shows as one. */
async function orRefusal<T>(work: () => Promise<T>): Promise<T | KeyturnError> {
  try {
    return await work();
  } catch (error) {
    if (isKeyturnError(error)) return error;
    throw error;
  }
}
