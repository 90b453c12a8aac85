/** Options, completed with defaults and judged as a whole before anything is done. */
import { systemChance } from "../chance.ts";
import { type Clock, systemClock } from "../clock.ts";
import { KeyturnError, type Problem } from "../errors.ts";
import { isSafeUrl } from "../safe-url.ts";
import { isVerifyAlgorithm, VERIFY_ALGORITHMS, type VerifyAlgorithm } from "./algorithms.ts";
import { type Expectations, normalTyp } from "./claims.ts";
import type { OnVerifierEvent } from "./events.ts";
import { type JwksDocument, jwksOf } from "./jwks-document.ts";
import type { CommonOptions, IssuerOptions, Trace, VerifierOptions } from "./options.ts";
import type { SnapshotStore } from "./snapshots.ts";
import type { TokenCacheLimits } from "./token-cache.ts";

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

/** What is called, and by which names. */
const SEAMS = {
  snapshots: ["load", "save"],
  fetch: [""],
  clock: ["now", "monotonic"],
  random: [""],
  onEvent: [""],
  trace: [""],
} satisfies Partial<Record<keyof CommonOptions, readonly string[]>>;

const COMMON_NAMES = [...TUNABLES, "maxLifetimeSeconds", "tokenCache", ...Object.keys(SEAMS)];

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
  if (tokenCache !== false && !isTokenCache(tokenCache))
    wrong("tokenCache", "Expected { maxEntries, maxBytes }, or false.");
  for (const [name, methods] of Object.entries(SEAMS)) {
    const seam = options[name as keyof CommonOptions];
    if (seam !== undefined && !methods.every((method) => isCallable(seam, method)))
      wrong(
        name,
        `Expected ${methods[0] === "" ? "a function" : `an object with ${methods.join(" and ")}`}.`,
      );
  }

  const several = "issuers" in options;
  if (several) assertNames(options, [...COMMON_NAMES, "issuers"], wrong);
  const list: unknown = several ? options.issuers : [options];
  if (!Array.isArray(list) || list.length === 0) wrong("issuers", "Expected at least one issuer.");
  const issuers = (Array.isArray(list) ? list : []).map((issuer: IssuerOptions, index) => {
    const said: Said = several ? (name, message) => wrong(`issuers/${index}/${name}`, message) : wrong;
    assertNames(issuer, several ? ISSUER_NAMES : [...COMMON_NAMES, ...ISSUER_NAMES], said);
    const config = issuerConfig(issuer ?? {}, numbers.maxKeys, said);
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
    random: options.random ?? systemChance,
    onEvent: options.onEvent ?? (() => undefined),
    trace: options.trace ?? null,
  };
}

/** A name that is not known would be a wish that is not granted, and a check that is not made. */
function assertNames(given: object | null, known: readonly string[], wrong: Said): void {
  for (const name of Object.keys(given ?? {}))
    if (!known.includes(name)) wrong(name, "Expected no option of that name; see VERIFIER.md.");
}

function isTokenCache(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(([name, limit]) => name in TOKEN_CACHE && isAmount(limit, true));
}

function isCallable(seam: unknown, method: string): boolean {
  return typeof (method === "" ? seam : (seam as Record<string, unknown> | null)?.[method]) === "function";
}

type Said = (name: string, message: string) => void;

function issuerConfig(
  options: IssuerOptions,
  maxKeys: number,
  wrong: Said,
): Omit<IssuerConfig, "leewaySeconds" | "maxLifetimeSeconds"> {
  const { issuer, audience, algorithms = VERIFY_ALGORITHMS, typ } = options;
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
    keys: keysConfig(options, maxKeys, wrong),
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
  } else if (jwks !== undefined || !URL.canParse(String(jwksUrl)) || !isSafeUrl(new URL(String(jwksUrl)))) {
    // Whoever can change the JWKS on its way can sign.
    wrong(
      "jwksUrl",
      "Expected an https URL without a password, or http on loopback; or `jwks` in its place.",
    );
  }
  return { url: String(jwksUrl) };
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

function invalid(problems: readonly Problem[]): KeyturnError {
  const list = problems.map(({ at, message }) => `${at}: ${message}`).join(" ");
  return new KeyturnError("config_invalid", `The verifier's options cannot be used. ${list}`, {
    fix: "Correct them where createVerifier is called.",
    problems,
  });
}
