/** This machine's clock against two that it did not set: the store's and the public server's. */
import { formatDuration } from "../../ring/duration.ts";
import type { RingEvidence } from "./evidence.ts";
import { type Fault, type Finding, failing, faulty, finding, warning } from "./finding.ts";
import type { Answered } from "./public-jwks.ts";

const SET_IT = "Set the clock by NTP (timedatectl, chronyc tracking) on the machine that is wrong.";

/** What the store dated cannot lie ahead of now, nor what a node dated ahead of the store that took it. */
export function checkStoreClock({ ring, storedAt }: RingEvidence, now: number): Finding {
  const { skewSeconds } = ring.policy;
  const faults: Fault[] = [];
  const late = Math.max(ring.committedAt, storedAt ?? 0) - now;
  if (late > skewSeconds) {
    faults.push(
      failing(`The ring was stored ${formatDuration(late)} from now, by this machine's clock.`, SET_IT),
    );
  }
  const early = storedAt === null ? 0 : ring.committedAt - storedAt;
  if (early > skewSeconds) {
    faults.push(
      warning(`The last commit was dated ${formatDuration(early)} ahead of the store's clock.`, SET_IT),
    );
  }
  return finding("store-clock", faults, "The clock agrees with the store's.");
}

/**
 * `Date` says when the origin made the answer, `Age` how long ago that was (RFC 9110 section 6.6.1,
 * RFC 9111 section 5.1). Both are whole seconds, and the answer was under way for a while.
 */
export function checkJwksClock(
  { date, ageSeconds, askedAt, answeredAt }: Answered,
  skewSeconds: number,
): Finding {
  const said = date === null ? Number.NaN : Math.floor(Date.parse(date) / 1000);
  if (Number.isNaN(said)) {
    const fault = warning(
      "The public JWKS comes without a Date, so the clocks cannot be compared.",
      "Let the server or CDN before it send one (RFC 9110 section 6.6.1).",
    );
    return faulty("jwks-clock", fault);
  }
  const there = said + ageSeconds;
  const off = Math.max(there - answeredAt, askedAt - there, 0) - ROUNDING_SECONDS;
  const apart = `This machine's clock and that of the public JWKS URL are ${formatDuration(off)} apart`;
  const faults =
    off > skewSeconds
      ? [failing(`${apart}; the policy tolerates ${formatDuration(skewSeconds)}.`, SET_IT)]
      : off > skewSeconds / 2
        ? [warning(`${apart}, more than half of what the policy tolerates.`, SET_IT)]
        : [];
  return finding("jwks-clock", faults, "The clock agrees with that of the public JWKS URL.");
}

const ROUNDING_SECONDS = 2;
