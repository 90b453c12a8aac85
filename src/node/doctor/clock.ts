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

/** An answer with the clock of whoever made it, and this machine's before and after. */
export interface Dated {
  /** As HTTP writes it. */
  readonly date: string;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** AWS itself refuses requests that are dated more than 5 minutes apart. */
export function checkServiceClock({ date, askedAt, answeredAt }: Dated, skewSeconds: number): Finding {
  const there = Math.floor(Date.parse(date) / 1000);
  const faults = apart("AWS Secrets Manager", { there, askedAt, answeredAt }, skewSeconds);
  return finding("aws-clock", faults, "The clock agrees with that of AWS Secrets Manager.");
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
  const faults = apart("the public JWKS URL", { there, askedAt, answeredAt }, skewSeconds);
  return finding("jwks-clock", faults, "The clock agrees with that of the public JWKS URL.");
}

function apart(
  whose: string,
  { there, askedAt, answeredAt }: Omit<Dated, "date"> & { readonly there: number },
  skewSeconds: number,
): Fault[] {
  const off = Math.max(there - answeredAt, askedAt - there, 0) - ROUNDING_SECONDS;
  const said = `This machine's clock and that of ${whose} are ${formatDuration(off)} apart`;
  if (off > skewSeconds)
    return [failing(`${said}; the policy tolerates ${formatDuration(skewSeconds)}.`, SET_IT)];
  if (off > skewSeconds / 2)
    return [warning(`${said}, more than half of what the policy tolerates.`, SET_IT)];
  return [];
}

const ROUNDING_SECONDS = 2;
