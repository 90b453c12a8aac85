import { JWKS_PATH } from "../http/jwks.ts";
import type { Probe } from "../manager/tick.ts";
import type { Config } from "./config.ts";

/** Where the public finds the JWKS. */
export function publicJwksUrl({ jwksUrl, issuer }: Pick<Config, "jwksUrl" | "issuer">): string {
  return jwksUrl ?? `${issuer.replace(/\/$/, "")}${JWKS_PATH}`;
}

/** Asks the public URL as an ordinary client does, through whatever caches stand before it. */
export function probeOf(config: Pick<Config, "jwksUrl" | "issuer" | "fetchSeconds">): Probe {
  const url = publicJwksUrl(config);
  return async () => {
    const signal = AbortSignal.timeout(config.fetchSeconds * 1000);
    const response = await fetch(url, { signal, redirect: "error" }).catch(() => null);
    const body: unknown = response?.ok === true ? await response.json().catch(() => null) : null;
    return kidsOf(body);
  };
}

function kidsOf(body: unknown): string[] {
  const keys = (body as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) return [];
  return keys.flatMap((key: { kid?: unknown } | null) => (typeof key?.kid === "string" ? [key.kid] : []));
}
