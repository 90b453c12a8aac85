/**
 * New key pairs. The private half leaves this file only sealed, and only after the pair has
 * proved itself: what it signs must verify with the public half that will be published.
 */
import { calculateJwkThumbprint, compactVerify, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { KeyturnError } from "../errors.ts";
import type { Algorithm, RsaBits } from "../ring/algorithm.ts";
import { publicMembers } from "../ring/jwks.ts";
import type { NewKey, PublicJwk } from "../ring/ring.ts";
import type { Kek } from "./kek.ts";
import { sealJwk } from "./seal.ts";
import { createSigner } from "./signer.ts";

/**
 * Generates a key for the ring with id `ring`, off the event loop.
 *
 * @throws KeyturnError `alg_unsupported`, `key_selftest_failed`
 */
export async function generateKey(
  spec: { readonly alg: Algorithm; readonly rsaBits: RsaBits },
  ring: string,
  kek: Kek,
): Promise<NewKey> {
  const { alg } = spec;
  const privateJwk = await generatePrivateJwk(spec);
  const publicJwk = publicMembers(privateJwk as unknown as PublicJwk);
  const kid = await thumbprint(publicJwk);
  await selfTest({ kid, alg, publicJwk }, privateJwk);
  return { kid, alg, publicJwk, sealedJwk: await sealJwk(privateJwk, { ring, kid }, kek) };
}

/** The kid: RFC 7638 SHA-256 thumbprint. */
export function thumbprint(publicJwk: PublicJwk): Promise<string> {
  return calculateJwkThumbprint(publicJwk as JWK, "sha256");
}

/**
 * Signs with the private half and verifies with the public one, through jose, so that key pair,
 * algorithm and our own encoding of the signature are all put to the test.
 *
 * @throws KeyturnError `key_selftest_failed`
 */
export async function selfTest(
  key: Pick<NewKey, "kid" | "alg" | "publicJwk">,
  privateJwk: JWK,
): Promise<void> {
  try {
    const signer = await createSigner(key, privateJwk, "keyturn-selftest");
    const token = await signer.sign('{"selftest":true}');
    await compactVerify(token, await importJWK(key.publicJwk as JWK, key.alg), { algorithms: [key.alg] });
  } catch (cause) {
    throw new KeyturnError(
      "key_selftest_failed",
      `The halves of key ${key.kid} (${key.alg}) do not fit together.`,
      {
        fix: "The key was not used. If this repeats, suspect the machine's randomness or its crypto library.",
        cause,
      },
    );
  }
}

async function generatePrivateJwk({ alg, rsaBits }: { alg: Algorithm; rsaBits: RsaBits }): Promise<JWK> {
  try {
    const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: rsaBits });
    return await exportJWK(privateKey);
  } catch (cause) {
    throw new KeyturnError("alg_unsupported", `This runtime cannot generate ${alg} keys.`, {
      fix: "Choose ES256, which every runtime has, or run on one that supports the algorithm.",
      cause,
    });
  }
}
