/**
 * Where verifiers find the JWKS by the issuer alone: OpenID Connect Discovery 1.0 section 3 and
 * RFC 8414 section 2, as far as an issuer that only signs has something to say.
 */
import type { KeyManager } from "../manager/manager.ts";
import { publishedKeys } from "../ring/jwks.ts";

export const DISCOVERY_PATHS = [
  "/.well-known/openid-configuration",
  "/.well-known/oauth-authorization-server",
] as const;

export interface DiscoveryDocument {
  readonly issuer: string;
  readonly jwks_uri: string;
  readonly id_token_signing_alg_values_supported: readonly string[];
  readonly response_types_supported: readonly string[];
  readonly subject_types_supported: readonly string[];
}

export function discoveryDocument(
  { issuer, ring, clock }: Pick<KeyManager, "issuer" | "ring" | "clock">,
  jwksUrl: string,
): DiscoveryDocument {
  const algorithms = new Set(publishedKeys(ring(), clock.now()).map(({ alg }) => alg));
  return {
    issuer,
    jwks_uri: jwksUrl,
    id_token_signing_alg_values_supported: [...algorithms],
    // Required by both specifications; this issuer has no authorization endpoint.
    response_types_supported: [],
    subject_types_supported: ["public"],
  };
}
