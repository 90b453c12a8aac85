/**
 * The operator's durations and algorithm, and the refusal of every combination that would break
 * a promise. What a policy leaves out takes the default; what it adds is refused by name.
 */
import * as z from "zod";
import { KeyturnError, type Problem } from "../errors.ts";
import { listed, problemsOf } from "../schema.ts";
import { ALGORITHMS, type Algorithm, RSA_BITS, type RsaBits } from "./algorithm.ts";
import { exactDuration } from "./duration.ts";
import { emitHold, marginSeconds, retireHold, sumOf, type Term } from "./hold.ts";

export interface RotationPolicy {
  /** Algorithm of the next key. A change is an ordinary turnover. Default ES256. */
  readonly alg: Algorithm;
  /** Modulus of the next RSA key, for RS and PS algorithms. Default 3072. */
  readonly rsaBits: RsaBits;
  /** How long one key emits. Default 30 days. */
  readonly rotateEverySeconds: number;
  /** C: how long anyone may keep our JWKS. Default 600 (10 minutes). */
  readonly jwksCacheSeconds: number;
  /** T: longest lifetime of a token we sign; the signer refuses more. Default 900 (15 minutes). */
  readonly tokenSeconds: number;
  /** S: clock difference tolerated between any two machines; three seconds of it pay for rounding instants. Default 30. */
  readonly skewSeconds: number;
  /** R: how often each node reloads the ring. Default 30. */
  readonly refreshSeconds: number;
  /** P: oldest snapshot a signer may sign with. Default 120. */
  readonly leaseSeconds: number;
  /** F: one JWKS fetch, with its time-out. Default 5. */
  readonly fetchSeconds: number;
  /** L: how far past `exp` a verifier still accepts (RFC 7519 section 4.1.4). Default 30. */
  readonly leewaySeconds: number;
  /** The floor of both holds, if not twice the JWKS cache. Refused when shorter than either needs. Default null: 2 × C. */
  readonly overlapSeconds: number | null;
  /** Keep a successor published at all times, so that an emergency revoke rejects no new token. Default true. */
  readonly standby: boolean;
}

/** Each default with its reason. */
export const DEFAULT_POLICY: RotationPolicy = {
  // Short tokens, fast to sign, and every JWT library has it.
  alg: "ES256",
  // 128 bits of strength, as much as ES256 (NIST SP 800-57 part 1, table 2).
  rsaBits: 3072,
  // A month: often enough that turnover is routine, seldom enough that the JWKS stays at two keys.
  rotateEverySeconds: 30 * 86_400,
  // What jose and jwks-rsa keep a JWKS for, whatever its headers say.
  jwksCacheSeconds: 600,
  // Session tokens that are refreshed; the shorter, the sooner an old key can go.
  tokenSeconds: 900,
  // Far more than machines that run NTP differ by.
  skewSeconds: 30,
  // A node lags a commit by half a minute at most; a store can be read that often.
  refreshSeconds: 30,
  // Four refreshes may fail before a node stops signing.
  leaseSeconds: 120,
  // The time-out that jose gives a JWKS fetch.
  fetchSeconds: 5,
  // A customary leeway of verifiers.
  leewaySeconds: 30,
  overlapSeconds: null,
  standby: true,
};

/** Nothing sensible takes longer, and every instant stays an exact integer. */
const TEN_YEARS_SECONDS = 10 * 365 * 86_400;

/** A JWKS of more keys than this costs every verifier; a policy that would get there is refused. */
const PUBLISHED_KEYS_MAX = 8;

const seconds = (least: number) =>
  z
    .int({ error: "Expected a whole number of seconds, like 600." })
    .min(least, { error: `Expected at least ${least} (seconds).` })
    .max(TEN_YEARS_SECONDS, { error: `Expected at most ${TEN_YEARS_SECONDS} (ten years, in seconds).` });

export const policySchema: z.ZodType<RotationPolicy> & {
  readonly shape: Record<keyof RotationPolicy, z.ZodType>;
} = z.strictObject({
  alg: z.enum(ALGORITHMS, {
    error: `Expected one of ${ALGORITHMS.join(", ")}. Only asymmetric signatures can be verified through a JWKS.`,
  }),
  rsaBits: z.literal(RSA_BITS, { error: `Expected ${RSA_BITS.join(", ")} (bits).` }),
  rotateEverySeconds: seconds(1),
  jwksCacheSeconds: seconds(1),
  tokenSeconds: seconds(1),
  skewSeconds: seconds(0),
  refreshSeconds: seconds(1),
  leaseSeconds: seconds(1),
  fetchSeconds: seconds(1),
  leewaySeconds: seconds(0),
  overlapSeconds: seconds(1).nullable(),
  standby: z.boolean({ error: "Expected true or false." }),
});

export const POLICY_FIELDS: readonly string[] = Object.keys(policySchema.shape);

/**
 * Completes `input` with the defaults and checks it.
 *
 * @throws KeyturnError `policy_invalid`, listing every problem with its sum spelled out.
 */
export function parsePolicy(input: unknown): RotationPolicy {
  const problems = policyProblems(input);
  if (problems.length > 0) {
    throw new KeyturnError("policy_invalid", `The policy cannot be kept. ${listed(problems)}`, {
      fix: "Change the settings named; `keyturn init` writes a file that explains each.",
      problems,
    });
  }
  return completed(input) as RotationPolicy;
}

/** Everything wrong with `input` as a policy; empty when it is sound. */
export function policyProblems(input: unknown): Problem[] {
  const parsed = policySchema.safeParse(completed(input));
  return parsed.success ? boundProblems(parsed.data) : problemsOf(parsed.error, POLICY_FIELDS);
}

function completed(input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_POLICY, ...Object.fromEntries(given) };
}

function boundProblems(policy: RotationPolicy): Problem[] {
  const problems: Problem[] = [];
  const refuse = (code: string, at: string, message: string) => problems.push({ code, at, message });

  const margin = marginSeconds(policy);
  if (policy.jwksCacheSeconds <= 2 * margin) {
    refuse(
      "cache_too_short",
      "jwksCacheSeconds",
      `JWKS cache ${exactDuration(policy.jwksCacheSeconds)} ≤ 2 × margin ${exactDuration(margin)}, where ` +
        `margin = ${spelled(marginTerms(policy))}. Raise jwksCacheSeconds, or refresh and fetch faster.`,
    );
    return problems; // max-age would not be positive, and every sum below would mislead.
  }

  const emit = emitHold(policy);
  const retire = retireHold(policy);
  if (policy.overlapSeconds !== null) {
    for (const [name, hold] of [["emit", emit] as const, ["retire", retire] as const]) {
      const sum = sumOf(hold.terms);
      if (policy.overlapSeconds >= sum) continue;
      refuse(
        "overlap_too_short",
        "overlapSeconds",
        `${name} hold ${exactDuration(policy.overlapSeconds)} < ${exactDuration(sum)} = ${spelled(hold.terms)}. ` +
          "Raise overlapSeconds, or leave it out: it then is twice the JWKS cache, and each hold as long as it must be.",
      );
    }
  }
  if (policy.rotateEverySeconds < emit.seconds) {
    refuse(
      "rotation_too_fast",
      "rotateEverySeconds",
      `a key would emit for ${exactDuration(policy.rotateEverySeconds)}, but its successor must be published for ` +
        `${exactDuration(emit.seconds)} first. Raise rotateEverySeconds to ${emit.seconds} or more.`,
    );
  }
  if (policy.leaseSeconds < policy.refreshSeconds) {
    refuse(
      "lease_too_short",
      "leaseSeconds",
      `lease ${exactDuration(policy.leaseSeconds)} < refresh ${exactDuration(policy.refreshSeconds)}: a node ` +
        "would stop signing between two refreshes. Raise leaseSeconds to several times refreshSeconds.",
    );
  }
  const published = publishedKeys(policy);
  if (published > PUBLISHED_KEYS_MAX) {
    refuse(
      "jwks_too_large",
      "rotateEverySeconds",
      `up to ${published} keys would be published at once (limit ${PUBLISHED_KEYS_MAX}): a retired key stays for ` +
        `${exactDuration(retire.seconds)} = ${retire.decidedBy === "sum" ? spelled(retire.terms) : "overlap"}. ` +
        "Rotate less often or sign shorter tokens.",
    );
  }
  return problems;
}

/** The most keys that the JWKS shows at once under this policy: the emitter, its successor, and those retiring. */
function publishedKeys(policy: RotationPolicy): number {
  return 2 + Math.ceil(retireHold(policy).seconds / policy.rotateEverySeconds);
}

function marginTerms(policy: RotationPolicy): Term[] {
  return [
    { name: "refresh", seconds: policy.refreshSeconds, times: 1 },
    { name: "fetch", seconds: policy.fetchSeconds, times: 2 },
    { name: "skew", seconds: policy.skewSeconds, times: 1 },
  ];
}

/** `lease 2m + token 60m + leeway 30s + 2 × skew 30s`. */
export function spelled(terms: readonly Term[]): string {
  return terms
    .map(
      ({ name, seconds: each, times }) => `${times === 1 ? "" : `${times} × `}${name} ${exactDuration(each)}`,
    )
    .join(" + ");
}
