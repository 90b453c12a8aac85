/** The JWKS where the public finds it, and what is seen there. */
import { leaveUnread } from "../answer.ts";
import type { Probe } from "../manager/tick.ts";
import { JWKS_PATH } from "./jwks.ts";

export interface PublicPlace {
  /** The `iss` of the tokens. */
  readonly issuer: string;
  /** Default: `/.well-known/jwks.json` below the issuer. */
  readonly jwksUrl?: string | null | undefined;
}

/** Where the public finds the JWKS. */
export function publicJwksUrl({ jwksUrl, issuer }: PublicPlace): string {
  return jwksUrl ?? `${issuer.replace(/\/$/, "")}${JWKS_PATH}`;
}

export interface ProbedPlace extends PublicPlace {
  /** How long one look may take. */
  readonly fetchSeconds: number;
}

/** Asks the public URL as an ordinary client does, through whatever caches stand before it. */
export function probeOf(place: ProbedPlace): Probe {
  const url = publicJwksUrl(place);
  return async () => {
    const signal = AbortSignal.timeout(place.fetchSeconds * 1000);
    // Workers know no redirect "error"; one that is not followed is answered, and is not ok.
    const response = await fetch(url, { signal, redirect: "manual" }).catch(() => null);
    if (response?.ok === true) return kidsOf(await response.json().catch(() => null));
    if (response !== null) leaveUnread(response);
    return [];
  };
}

function kidsOf(body: unknown): string[] {
  const keys = (body as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) return [];
  return keys.flatMap((key: { kid?: unknown } | null) => (typeof key?.kid === "string" ? [key.kid] : []));
}
