/**
 * Known ways to get a bad token accepted, as data: what is shown to a verifier that has its issuer's
 * keys, and in what words it is to be refused. Numbers group them: A1 is `alg: none`, A2 a public key
 * taken for a secret, and so on.
 */
import type { RefusalReason } from "../../src/verifier/index.ts";
import { ALGORITHM_ATTACKS } from "./attacks-on-algorithms.ts";
import { CLAIM_ATTACKS } from "./attacks-on-claims.ts";
import { FORM_ATTACKS } from "./attacks-on-form.ts";
import { HEADER_ATTACKS } from "./attacks-on-headers.ts";
import { JSON_ATTACKS } from "./attacks-on-json.ts";
import { SIGNATURE_ATTACKS } from "./attacks-on-signatures.ts";
import { type SampleKey, sampleKey, sampleRsaKey, type WatchedOptions } from "./sample-issuer.ts";

/** The issuer's keys, all published but the last. */
export interface AttackedKeys {
  readonly es256: SampleKey;
  /** A second one for the same algorithm, so that a token must say which it means. */
  readonly other: SampleKey;
  readonly es384: SampleKey;
  readonly es512: SampleKey;
  readonly rs256: SampleKey;
  readonly ps256: SampleKey;
  readonly eddsa: SampleKey;
  /** Of no JWKS. It goes by the name of `es256`. */
  readonly attacker: SampleKey;
}

export interface Attack {
  readonly id: `A${number}`;
  readonly name: string;
  readonly token: (keys: AttackedKeys) => string | Promise<string>;
  readonly reason: RefusalReason;
  /** Beside issuer and audience. */
  readonly options?: WatchedOptions;
  /** What is published, where it is not all keys as they are. */
  readonly jwks?: (keys: AttackedKeys) => readonly unknown[];
  /** How often the issuer may be asked: 0 where nothing is said. */
  readonly fetches?: number;
}

export const ATTACKED_KEYS: AttackedKeys = {
  es256: sampleKey("ES256", "es256"),
  other: sampleKey("ES256", "other"),
  es384: sampleKey("ES384", "es384"),
  es512: sampleKey("ES512", "es512"),
  rs256: sampleRsaKey("RS256", "rs256"),
  ps256: sampleRsaKey("PS256", "ps256", "issuer of PS256"),
  eddsa: sampleKey("EdDSA", "eddsa"),
  attacker: sampleKey("ES256", "es256", "attacker"),
};

export function publishedKeys({ jwks }: Pick<Attack, "jwks"> = {}): readonly unknown[] {
  if (jwks !== undefined) return jwks(ATTACKED_KEYS);
  const { attacker: _, ...published } = ATTACKED_KEYS;
  return Object.values(published).map(({ jwk }) => jwk);
}

export const ATTACKS: readonly Attack[] = [
  ...ALGORITHM_ATTACKS,
  ...HEADER_ATTACKS,
  ...FORM_ATTACKS,
  ...JSON_ATTACKS,
  ...SIGNATURE_ATTACKS,
  ...CLAIM_ATTACKS,
];
