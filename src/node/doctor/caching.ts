/** What is said to caches about the public JWKS, against what the policy lets them do. */
import { exactDuration } from "../../ring/duration.ts";
import { maxAgeSeconds } from "../../ring/hold.ts";
import type { RotationPolicy } from "../../ring/policy.ts";
import { type Fault, type Finding, failing, finding, shown, warning } from "./finding.ts";
import type { Answered } from "./public-jwks.ts";

/** The emit hold counts on nobody keeping the JWKS for longer than this. */
export function checkJwksCaching(answer: Answered, policy: RotationPolicy): Finding {
  const allowed = maxAgeSeconds(policy);
  const faults = [...lifetimeFaults(answer, allowed), ...validatorFaults(answer)];
  return finding(
    "jwks-caching",
    faults,
    `Caches may keep the JWKS for no longer than the ${exactDuration(allowed)} that the policy has for them.`,
  );
}

function lifetimeFaults({ cacheControl, ageSeconds }: Answered, allowed: number): Fault[] {
  const control = directivesOf(cacheControl ?? "");
  if (control.has("no-store") || control.has("private")) {
    return [
      warning(
        `Cache-Control "${shown(cacheControl ?? "")}" keeps shared caches away, so every verifier asks the server itself.`,
        "Let the headers that keyturn sends pass unchanged.",
      ),
    ];
  }
  const ages = AGES.map((name) => control.get(name)).filter((age) => age !== undefined);
  if (ages.length === 0) {
    return [
      failing(
        "The JWKS comes without a max-age, so caches guess how long to keep it (RFC 9111 section 4.2.2).",
        "Let the headers that keyturn sends pass unchanged.",
      ),
    ];
  }
  const stale = Math.max(0, ...STALE.map((name) => control.get(name) ?? 0));
  const kept = Math.max(...ages) + stale;
  const faults: Fault[] = [];
  if (kept > allowed) {
    faults.push(
      failing(
        `Cache-Control "${shown(cacheControl ?? "")}" lets caches keep the JWKS for ${exactDuration(kept)}; ` +
          `the policy has ${exactDuration(allowed)} for them, so a new key may emit before everyone knows it.`,
        "Let the CDN take over the origin's Cache-Control, or raise jwksCacheSeconds.",
      ),
    );
  }
  if (ageSeconds > allowed) {
    faults.push(
      failing(
        `The JWKS is ${exactDuration(ageSeconds)} old (Age); the policy lets caches keep it for ${exactDuration(allowed)}.`,
        "Find the cache that keeps it beyond its max-age, and purge it.",
      ),
    );
  }
  return faults;
}

const AGES = ["max-age", "s-maxage"];

/** RFC 5861: directives that let a cache go on serving what is no longer fresh. */
const STALE = ["stale-while-revalidate", "stale-if-error"];

const TIMED = [...AGES, ...STALE];

function validatorFaults({ etag, revalidates }: Answered): Fault[] {
  const fix = "Let ETag and If-None-Match pass; some CDNs drop them when they compress.";
  if (etag === null)
    return [warning("The JWKS comes without an ETag, so each refetch costs a whole answer.", fix)];
  return revalidates ? [] : [warning("A request with the ETag of the JWKS is not answered by 304.", fix)];
}

/**
 * RFC 9111 section 5.2: names without regard to case, seconds perhaps in quotes. Of what caches may read
 * in two ways, the longer counts: several of a name, or something after the digits.
 */
function directivesOf(cacheControl: string): Map<string, number> {
  const directives = new Map<string, number>();
  for (const part of cacheControl.toLowerCase().split(",")) {
    const [name = "", value = ""] = part.trim().split("=");
    const digits = /^\s*"?(\d{1,10})/.exec(value)?.[1];
    // A time that is none is as good as not said.
    if (digits === undefined && TIMED.includes(name)) continue;
    directives.set(name, Math.max(Number(digits ?? 0), directives.get(name) ?? 0));
  }
  return directives;
}
