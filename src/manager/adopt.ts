/** The way in for an issuer that runs already: a new ring whose emitter is the key that signs there now. */
import { KeyturnError } from "../errors.ts";
import { adoptKey, type KeyToAdopt } from "../keys/adopt.ts";
import { generateKey } from "../keys/generate.ts";
import type { Kek } from "../keys/kek.ts";
import { randomRingId } from "../keys/random.ts";
import { adoptedRing, type Past } from "../ring/adoption.ts";
import { EARLIEST_INSTANT } from "../ring/document.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import type { Command } from "./commands.ts";
import type { Decide } from "./commit.ts";
import { once } from "./create.ts";

export interface Adoption extends KeyToAdopt, Command {
  /** Since when the key signs, epoch seconds: its next turnover counts from then. Default: now. */
  readonly createdAt?: number;
  /** The longest lifetime of the tokens that it signed so far, in seconds. Default 86,400 (a day). */
  readonly tokenSeconds?: number;
  /** For how long anyone may keep the JWKS that was served with it, in seconds. Default 86,400 (a day). */
  readonly jwksCacheSeconds?: number;
}

/**
 * Longer than tokens of sessions live and than verifiers keep a JWKS, both by custom. Too much costs a
 * day until the first turnover, and a day for which the old key stays published; too little, honest tokens.
 */
export const FORMER_SECONDS = 86_400;

/** Nothing sensible takes longer, and every instant stays an exact integer. */
const TEN_YEARS_SECONDS = 10 * 365 * 86_400;

/**
 * Decides to create a ring around that key where there is none.
 *
 * @throws KeyturnError `import_invalid`
 */
export function adoptRing(adoption: Adoption, policy: RotationPolicy, kek: Kek): Decide {
  const id = randomRingId();
  const keys = once(() =>
    Promise.all([
      adoptKey(adoption, policy.alg, id, kek),
      policy.standby ? generateKey(policy, id, kek) : null,
    ]),
  );
  return async (base, now) =>
    base === null ? adoptedRing(id, policy, await keys(), pastOf(adoption, now), now) : null;
}

function pastOf(adoption: Adoption, now: number): Past {
  const { createdAt = now, tokenSeconds = FORMER_SECONDS, jwksCacheSeconds = FORMER_SECONDS } = adoption;
  if (!isWhole(createdAt, EARLIEST_INSTANT, now)) {
    throw invalid(
      "The key's createdAt is no instant between 2020 and now",
      "Pass epoch seconds, of an older key the first instant of 2020: 1577836800.",
    );
  }
  if (!isWhole(tokenSeconds, 1, TEN_YEARS_SECONDS) || !isWhole(jwksCacheSeconds, 0, TEN_YEARS_SECONDS)) {
    throw invalid(
      "Its tokenSeconds or jwksCacheSeconds is no whole number of seconds up to ten years",
      "Say how long its tokens live and how long its JWKS may be kept, like 3600.",
    );
  }
  return { createdAt, tokenSeconds, jwksCacheSeconds };
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

function invalid(what: string, fix: string): KeyturnError {
  return new KeyturnError("import_invalid", `${what}.`, { fix });
}
