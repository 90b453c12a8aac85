/**
 * An issuer's keys as one JWKS lists them, imported and ready. A set never changes; the next one
 * takes over the keys that are still listed, and the others die with whatever was verified by them.
 */
import { importSignatureCheck, type SignatureCheck } from "#signature-check";
import type { VerifyAlgorithm } from "./algorithms.ts";
import type { KidCounts } from "./counters.ts";
import { type CandidateKey, judgeJwk, type SkipReason } from "./jwk.ts";
import type { JwksDocument } from "./jwks-document.ts";
import type { Header } from "./parse.ts";
import type { RefusalReason } from "./refusal.ts";

/** A key that tokens are verified with. */
export interface VerifyKey extends CandidateKey, SignatureCheck {
  /** False from the moment that an authoritative JWKS no longer lists it, or it is revoked here. */
  live: boolean;
  readonly counts: KidCounts;
}

export interface KeySet {
  readonly keys: readonly VerifyKey[];
  /** The publisher's ring and its generation, where it tells them. */
  readonly ring: string | null;
  readonly generation: number | null;
  readonly skipped: readonly SkippedKey[];
}

export interface SkippedKey {
  readonly kid: string | null;
  readonly because: SkipReason;
}

export interface KeySetOptions {
  readonly algorithms: readonly VerifyAlgorithm[];
  readonly countsOf: (kid: string | null) => KidCounts;
}

/** Imports what is new, so that the first token of a new kid costs nothing extra. */
export async function buildKeySet(
  { keys: published, ring, generation }: JwksDocument,
  previous: KeySet | null,
  { algorithms, countsOf }: KeySetOptions,
): Promise<KeySet> {
  const skipped: SkippedKey[] = [];
  const candidates: CandidateKey[] = [];
  const given: unknown[] = [];
  for (const jwk of published) {
    const judged = judgeJwk(jwk, algorithms);
    if (judged === "private") given.push(jwk);
    if (typeof judged === "string") skipped.push({ kid: kidOf(jwk), because: judged });
    // Listed twice, word for word, is listed once.
    else if (!candidates.some((other) => isSameKey(other, judged))) candidates.push(judged);
  }

  const keys: VerifyKey[] = [];
  for (const candidate of candidates) {
    const { kid } = candidate;
    const known = previous?.keys.find((key) => isSameKey(key, candidate));
    if (given.some((jwk) => isHalfOf(candidate, jwk))) skipped.push({ kid, because: "private" });
    else if (candidates.some((other) => other !== candidate && isConfusable(other, candidate)))
      skipped.push({ kid, because: "kid_ambiguous" });
    else if (known !== undefined) keys.push(known);
    else {
      const check = await importSignatureCheck(candidate.algs[0], candidate.jwk).catch(() => null);
      if (check === null) skipped.push({ kid, because: "not_importable" });
      else keys.push({ ...candidate, ...check, live: true, counts: countsOf(kid) });
    }
  }
  return { keys, ring, generation, skipped };
}

/** The one key for a token's header, or why there is none. */
export function selectKey({ keys }: KeySet, { alg, kid }: Header): VerifyKey | RefusalReason {
  if (kid === undefined) {
    const fitting = keys.filter((key) => key.live && key.algs.includes(alg));
    return fitting.length === 1 ? (fitting[0] as VerifyKey) : "kid_missing";
  }
  const named = keys.filter((key) => key.kid === kid);
  return named.find((key) => key.algs.includes(alg)) ?? (named.length > 0 ? "alg_mismatch" : "kid_unknown");
}

function isSameKey(one: CandidateKey, other: CandidateKey): boolean {
  return (
    one.kid === other.kid &&
    one.algs.join() === other.algs.join() &&
    JSON.stringify(one.jwk) === JSON.stringify(other.jwk)
  );
}

/** Whether everyone has the private half of the key, because another entry shows it. */
function isHalfOf({ kid, jwk }: CandidateKey, shown: unknown): boolean {
  const { kid: shownKid, n, x, pub } = shown as Readonly<Record<string, unknown>>;
  const material = jwk["n"] ?? jwk["x"] ?? jwk["pub"];
  return (kid !== null && kid === shownKid) || [n, x, pub].includes(material);
}

/** Whether a token's header could mean either. Without a kid there is no name to confuse. */
function isConfusable(one: CandidateKey, other: CandidateKey): boolean {
  return one.kid !== null && one.kid === other.kid && one.algs.some((alg) => other.algs.includes(alg));
}

/** For the event that tells of it; what it holds is not to be trusted. */
function kidOf(jwk: unknown): string | null {
  const kid = (jwk as { kid?: unknown } | null)?.kid;
  return typeof kid === "string" ? kid.slice(0, 64).replace(/\p{Control}/gu, "?") : null;
}
