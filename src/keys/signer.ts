/**
 * One key, ready to sign: the private half imported once and never exported, the protected header
 * encoded once. A signer's kid and signature come from the same object and cannot fall apart.
 */

import type { JWK } from "jose";
import { encodeText, importSign } from "#signature";
import type { NewKey } from "../ring/ring.ts";

export interface Signer {
  readonly kid: string;
  /** A JWS in compact form (RFC 7515 section 7.1) over `payload`, a JSON text. Synchronous on Node. */
  sign(payload: string): string | Promise<string>;
}

/** @param typ the header's `typ` (RFC 7519 section 5.1), e.g. `JWT` or `at+jwt`. */
export async function createSigner(
  { kid, alg }: Pick<NewKey, "kid" | "alg">,
  privateJwk: JWK,
  typ: string,
): Promise<Signer> {
  const signature = await importSign(alg, privateJwk);
  const header = `${encodeText(JSON.stringify({ alg, typ, kid }))}.`;
  return {
    kid,
    sign(payload) {
      const input = header + encodeText(payload);
      const encoded = signature(input);
      return typeof encoded === "string" ? `${input}.${encoded}` : encoded.then((late) => `${input}.${late}`);
    },
  };
}
