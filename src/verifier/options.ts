/** What a verifier is told, completed with defaults and judged as a whole before anything is done. */
import { type Clock, systemClock } from "../clock.ts";
import { KeyturnError, type Problem } from "../errors.ts";
import { isVerifyAlgorithm, VERIFY_ALGORITHMS, type VerifyAlgorithm } from "./algorithms.ts";
import { type Expectations, normalTyp } from "./claims.ts";
import type { OnVerifierEvent } from "./events.ts";
import { type JwksDocument, jwksOf } from "./jwks-document.ts";
import type { SnapshotStore } from "./snapshots.ts";
import type { TokenCacheLimits } from "./token-cache.ts";

/** Whose tokens are accepted, and where that issuer's keys are. */
export type IssuerOptions = KeysOptions & {
  /** The exact `iss` (RFC 7519 section 4.1.1). Null accepts any: then whoever has a key of the JWKS may call itself anything. */
  readonly issuer: string | null;
  /** `aud` must name at least one of these (section 4.1.3). Null accepts tokens that were meant for others. */
  readonly audience: string | readonly string[] | null;
  /** Accepted algorithms. Default: all that are asymmetric. A key is bound to one of them in any case. */
  readonly algorithms?: readonly VerifyAlgorithm[];
  /**
   * Accepted `typ` (RFC 8725 section 3.11), e.g. `["at+jwt"]`; then a token without one is refused.
   * Default: `JWT`, `at+jwt` or none.
   */
  readonly typ?: readonly string[];
};

type KeysOptions =
  | {
      /** Where the issuer publishes its JWKS: https, or http on loopback. */
      readonly jwksUrl: string | URL;
      readonly jwks?: never;
    }
  | {
      /** The keys themselves, for ever. With these, call `warm()` before `verifySync`. */
      readonly jwks: { readonly keys: readonly object[] };
      readonly jwksUrl?: never;
    };

export interface CommonOptions {
  /** Clock difference that is forgiven on `exp`, `nbf` and `iat`, in seconds. Default 30. */
  readonly leewaySeconds?: number;
  /** Longest `exp` − `iat`, in seconds; `iat` is then required. Default: none, an issuer knows its own tokens. */
  readonly maxLifetimeSeconds?: number;
  /** Longer tokens are refused unread. Default 16,384. */
  readonly maxTokenBytes?: number;
  /** How long a JWKS without max-age is fresh, in seconds. Default 600. */
  readonly freshSeconds?: number;
  /** A shorter max-age counts as this. Default 60. */
  readonly minFreshSeconds?: number;
  /** A longer max-age counts as this. Default 3600. */
  readonly maxFreshSeconds?: number;
  /** For how long past its freshness a JWKS is used while no newer one comes, in seconds. Default 3600; 0 for never. */
  readonly maxStaleSeconds?: number;
  /** Deadline of one request for a JWKS, from connect to the last byte, in seconds. Default 3. */
  readonly fetchSeconds?: number;
  /** A larger JWKS is refused. Default 65,536 bytes. */
  readonly maxJwksBytes?: number;
  /** A JWKS with more keys is refused. Default 64. */
  readonly maxKeys?: number;
  /** Verified tokens that are remembered; false for none. Default 5,000 and 8 MiB. */
  readonly tokenCache?: Partial<TokenCacheLimits> | false;
  /** Shares what was fetched between processes or isolates. Default: none. */
  readonly snapshots?: SnapshotStore;
  /** For requests through a proxy or a service binding. Default: the runtime's own. */
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** In [0, 1), for jitter. Default: the runtime's own. */
  readonly random?: () => number;
  readonly onEvent?: OnVerifierEvent;
  /** Runs `work` in a span: `keyturn.verify` or `keyturn.jwks.fetch`. Default: runs it. */
  readonly trace?: Trace;
}

/** As OpenTelemetry's `tracer.startActiveSpan` wants it, see README. */
export type Trace = <T>(
  name: "keyturn.verify" | "keyturn.jwks.fetch",
  attributes: Readonly<Record<string, string>>,
  work: () => Promise<T>,
) => Promise<T>;

/** One issuer, or several that each have their own keys. */
export type VerifierOptions = CommonOptions &
  (IssuerOptions | { readonly issuers: readonly IssuerOptions[] });

type Tunable =
  | "leewaySeconds"
  | "maxTokenBytes"
  | "freshSeconds"
  | "minFreshSeconds"
  | "maxFreshSeconds"
  | "maxStaleSeconds"
  | "fetchSeconds"
  | "maxJwksBytes"
  | "maxKeys";

/** Every number, and why it is what it is. */
export const VERIFIER_DEFAULTS: Readonly<Record<Tunable, number>> = {
  // Far more than NTP leaves; what keyturn's retire hold adds for it.
  leewaySeconds: 30,
  // What Node takes of headers in all, and a token travels in one of them.
  maxTokenBytes: 16_384,
  // What jose, jwks-rsa and Envoy keep a JWKS for.
  freshSeconds: 600,
  // `no-store` on a JWKS must not mean a request for every token.
  minFreshSeconds: 60,
  // Within this a revoked key is refused while the endpoint answers, whatever max-age it gives.
  maxFreshSeconds: 3600,
  // Most incidents of identity providers are over in an hour; a revoked key outlives one by no more.
  maxStaleSeconds: 3600,
  // A slow endpoint answers in one; who waits for a first key can wait for three.
  fetchSeconds: 3,
  // The largest JWKS in the field have 20 keys of under 1 KiB; those of ML-DSA-87 take 3.5 KiB each.
  maxJwksBytes: 65_536,
  maxKeys: 64,
};

/** Sessions that are active at once on one node; two KiB for each fit the bytes. */
const TOKEN_CACHE: TokenCacheLimits = { maxEntries: 5000, maxBytes: 8 * 1024 * 1024 };

/** Those for which none at all makes sense. */
const MAY_BE_ZERO: readonly string[] = ["leewaySeconds", "maxStaleSeconds"];

const TUNABLES = Object.keys(VERIFIER_DEFAULTS) as Tunable[];

const COMMON_NAMES: readonly string[] = [
  ...TUNABLES,
  ...([
    "maxLifetimeSeconds",
    "tokenCache",
    "snapshots",
    "fetch",
    "clock",
    "random",
    "onEvent",
    "trace",
  ] satisfies readonly (keyof CommonOptions)[]),
];

const ISSUER_NAMES: readonly string[] = [
  "issuer",
  "audience",
  "jwksUrl",
  "jwks",
  "algorithms",
  "typ",
] satisfies readonly (keyof IssuerOptions)[];

/** One issuer, complete. */
export interface IssuerConfig extends Expectations {
  readonly algorithms: readonly VerifyAlgorithm[];
  readonly keys: { readonly url: string } | { readonly document: JwksDocument };
}

/** Everything, complete. */
export interface VerifierConfig extends Readonly<Record<Tunable, number>> {
  readonly issuers: readonly IssuerConfig[];
  readonly tokenCache: TokenCacheLimits | null;
  readonly snapshots: SnapshotStore | null;
  readonly fetch: typeof fetch | null;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onEvent: OnVerifierEvent;
  readonly trace: Trace | null;
}

/** @throws KeyturnError `config_invalid`, with every problem */
export function completeOptions(options: VerifierOptions): VerifierConfig {
  const problems: Problem[] = [];
  const wrong: Said = (at, message) => void problems.push({ code: "option_invalid", at, message });

  const numbers = { ...VERIFIER_DEFAULTS };
  for (const name of TUNABLES) numbers[name] = options[name] ?? numbers[name];
  for (const name of TUNABLES)
    if (!isAmount(numbers[name], MAY_BE_ZERO.includes(name))) wrong(name, "Expected a positive number.");
  if (numbers.minFreshSeconds > numbers.maxFreshSeconds)
    wrong("minFreshSeconds", "Expected at most maxFreshSeconds.");
  const { maxLifetimeSeconds = null, tokenCache = {} } = options;
  if (maxLifetimeSeconds !== null && !isAmount(maxLifetimeSeconds, false))
    wrong("maxLifetimeSeconds", "Expected a positive number.");

  const several = "issuers" in options;
  const list: readonly IssuerOptions[] = several ? options.issuers : [options];
  const known = [...COMMON_NAMES, ...(several ? ["issuers"] : ISSUER_NAMES)];
  for (const name of Object.keys(options))
    if (!known.includes(name)) wrong(name, "Expected no option of that name; see VerifierOptions.");
  if (!Array.isArray(list) || list.length === 0) wrong("issuers", "Expected at least one issuer.");
  const issuers = Array.from(list, (issuer, index) => {
    const at = several ? `issuers/${index}/` : "";
    const config = issuerConfig(issuer, numbers.maxKeys, (name, message) => wrong(at + name, message));
    return { ...config, leewaySeconds: numbers.leewaySeconds, maxLifetimeSeconds };
  });
  if (new Set(issuers.map(({ issuer }) => issuer)).size < issuers.length)
    wrong("issuers", "Expected each issuer once: its tokens are verified with its own keys.");
  if (several && issuers.some(({ issuer }) => issuer === null))
    wrong("issuers", "Expected a name for each of several issuers: by it the keys are chosen.");
  if (problems.length > 0) throw invalid(problems);

  return {
    ...numbers,
    issuers,
    tokenCache: tokenCache === false ? null : { ...TOKEN_CACHE, ...tokenCache },
    snapshots: options.snapshots ?? null,
    fetch: options.fetch ?? null,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    onEvent: options.onEvent ?? (() => undefined),
    trace: options.trace ?? null,
  };
}

type Said = (name: string, message: string) => void;

function issuerConfig(
  options: IssuerOptions,
  maxKeys: number,
  wrong: Said,
): Omit<IssuerConfig, "leewaySeconds" | "maxLifetimeSeconds"> {
  const { issuer, audience, algorithms = VERIFY_ALGORITHMS, typ } = options ?? {};
  if (issuer !== null && !isText(issuer))
    wrong("issuer", "Expected the exact iss of the tokens, or null to accept any.");
  const audiences = typeof audience === "string" ? [audience] : audience;
  if (audiences !== null && !isListOfText(audiences))
    wrong("audience", "Expected one or more audiences, or null to accept tokens for anyone.");
  if (!isListOfText(algorithms) || !algorithms.every(isVerifyAlgorithm))
    wrong("algorithms", `Expected one or more of ${VERIFY_ALGORITHMS.join(", ")}.`);
  if (typ !== undefined && !isListOfText(typ)) wrong("typ", 'Expected a list like ["at+jwt"].');
  return {
    issuer,
    audience: audiences,
    algorithms,
    typ: isListOfText(typ) ? typ.map(normalTyp) : null,
    keys: keysConfig(options ?? {}, maxKeys, wrong),
  };
}

function keysConfig(
  { jwksUrl, jwks }: Partial<IssuerOptions>,
  maxKeys: number,
  wrong: Said,
): IssuerConfig["keys"] {
  if (jwks !== undefined && jwksUrl === undefined) {
    const document = jwksOf(jwks, maxKeys);
    if (document !== null) return { document };
    wrong("jwks", `Expected { keys: [...] } with at most ${maxKeys} keys.`);
  } else if (jwks !== undefined || !URL.canParse(String(jwksUrl)) || !isSafe(new URL(String(jwksUrl)))) {
    wrong(
      "jwksUrl",
      "Expected an https URL without a password, or http on loopback; or `jwks` in its place.",
    );
  }
  return { url: String(jwksUrl) };
}

/** Whoever can change the JWKS on its way can sign: so it comes over TLS, or does not leave the machine. */
function isSafe({ protocol, hostname, username, password }: URL): boolean {
  if (username !== "" || password !== "") return false;
  return (
    protocol === "https:" || (protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
  );
}

function isAmount(value: unknown, orNone: boolean): boolean {
  return typeof value === "number" && Number.isFinite(value) && (value > 0 || (orNone && value === 0));
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isListOfText(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}

function systemRandom(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32;
}

function invalid(problems: readonly Problem[]): KeyturnError {
  const list = problems.map(({ at, message }) => `${at}: ${message}`).join(" ");
  return new KeyturnError("config_invalid", `The verifier's options cannot be used. ${list}`, {
    fix: "Correct them where createVerifier is called.",
    problems,
  });
}
