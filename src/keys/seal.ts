/**
 * A private JWK at rest: an encrypted JWK (RFC 7517 section 7), compact JWE with a fresh content
 * key under the KEK. The protected header binds it to KEK, ring and kid, so that a sealed key
 * moved to another entry or another ring does not open.
 */
import { CompactEncrypt, compactDecrypt, type JWK } from "jose";
import { KeyturnError } from "../errors.ts";
import type { Kek } from "./kek.ts";

/** The entry that a sealed key belongs to. */
export interface SealedFor {
  readonly ring: string;
  readonly kid: string;
}

export function sealJwk(privateJwk: JWK, { ring, kid }: SealedFor, kek: Kek): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(privateJwk)))
    .setProtectedHeader({
      alg: "A256KW",
      enc: "A256GCM",
      cty: "jwk+json",
      // In a JWE `kid` names the key that encrypts (RFC 7516 section 4.1.6).
      kid: kek.id,
      ring,
      sealed_kid: kid,
    })
    .encrypt(kek.sealing);
}

/** @throws KeyturnError `ring_tampered` when it does not open, or opens as somebody else's. */
export async function openJwk(sealed: string, { ring, kid }: SealedFor, kek: Kek): Promise<JWK> {
  const opened = await compactDecrypt(sealed, kek.sealing, {
    keyManagementAlgorithms: ["A256KW"],
    contentEncryptionAlgorithms: ["A256GCM"],
  }).catch(() => null);
  const header = opened?.protectedHeader;
  if (opened === null || header?.kid !== kek.id || header["ring"] !== ring || header["sealed_kid"] !== kid) {
    throw new KeyturnError("ring_tampered", `The private key of ${kid} does not open as this ring's.`, {
      fix: "Nothing was overwritten. Restore the newest whole copy of the ring.",
    });
  }
  return JSON.parse(new TextDecoder().decode(opened.plaintext)) as JWK;
}
