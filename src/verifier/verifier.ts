/** The verifier: a token's way from a string to claims that can be believed. */
import { readingOf } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { claimsRefusal, validBetween } from "./claims.ts";
import { completeOptions, type IssuerConfig, type VerifierConfig } from "./config.ts";
import { counters, type VerifierStats } from "./counters.ts";
import type { SourceEvent } from "./events.ts";
import { fixedOrigin, httpOrigin } from "./fetch-jwks.ts";
import { type JwksSource, jwksSource, type SourceHealth, type WaitUntil } from "./jwks-source.ts";
import type { VerifyKey } from "./key-set.ts";
import type { Trace, VerifierOptions } from "./options.ts";
import { type Claims, type Header, type ParsedToken, tokenParser } from "./parse.ts";
import { isUnavailable, isVerifyError, type RefusalReason, VerifyError } from "./refusal.ts";
import { tokenCache } from "./token-cache.ts";

/** What a token says, now that it can be believed. Frozen: the same object may be given to others. */
export interface VerifiedToken {
  /** The claims set (RFC 7519 section 4), with `exp` in it. */
  readonly claims: Claims & { readonly exp: number };
  readonly header: Header;
  /** Of the key that signed it; null where neither token nor key has one. */
  readonly kid: string | null;
}

export interface VerifyOptions {
  /** For Workers, `(work) => context.waitUntil(work)`: lets a refresh end after the answer is given. */
  readonly waitUntil?: WaitUntil | undefined;
}

export interface IssuerHealth extends SourceHealth {
  readonly issuer: string | null;
}

export interface VerifierHealth {
  /** The worst of the issuers': `ok`, `stale`, `cold`, `down`. */
  readonly status: SourceHealth["status"];
  readonly issuers: readonly IssuerHealth[];
}

export interface Verifier {
  /**
   * Verifies a JWT in compact form: form, key, signature, then claims.
   * @throws VerifyError: `status` 401 when the token is bad, 503 when it cannot be judged now
   */
  verify(token: string, options?: VerifyOptions): Promise<VerifiedToken>;
  /**
   * The same at once, on Node. Where `verify` would wait for keys, this throws `keys_not_ready` and
   * the keys are fetched in the background.
   * @throws VerifyError as `verify` does; KeyturnError `alg_unsupported` where the runtime has no synchronous signatures
   */
  verifySync(token: string): VerifiedToken;
  /** Loads all issuers' keys ahead of the first token. Never rejects: the answer tells how it went. */
  warm(options?: VerifyOptions): Promise<VerifierHealth>;
  /**
   * Refuses a key from now on, in this verifier, whatever its issuer says: at once, also for tokens
   * verified before.
   * @throws KeyturnError `config_invalid`: the verifier has no such issuer
   */
  revoke(kid: string, options?: { readonly issuer?: string }): void;
  health(): VerifierHealth;
  stats(): VerifierStats;
}

interface Site extends IssuerConfig {
  readonly source: JwksSource;
}

/** A verified token, and what its validity still hangs on. */
interface Remembered {
  readonly token: string;
  readonly result: VerifiedToken;
  readonly key: VerifyKey;
  readonly site: Site;
  readonly validFrom: number;
  readonly validUntil: number;
}

/**
 * Makes a verifier. Nothing is fetched before the first token or `warm()`. Make one and keep it:
 * its caches are what makes it fast, and what bears an outage.
 * @throws KeyturnError `config_invalid`, with every problem
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const config = completeOptions(options);
  const { clock, trace } = config;
  const count = counters();
  const { parse, remember } = tokenParser(config.maxTokenBytes);
  const cache = config.tokenCache === null ? null : tokenCache<Remembered>(config.tokenCache);
  const sites = config.issuers.map(
    (issuer): Site => ({ ...issuer, source: sourceOf(issuer, config, count) }),
  );
  const [only] = sites.length === 1 ? sites : [];
  const byIssuer = new Map(sites.map((site) => [site.issuer, site]));

  async function verify(token: string, { waitUntil }: VerifyOptions = {}): Promise<VerifiedToken> {
    const known = recall(token, waitUntil);
    if (known !== null) return known;
    const parsed = parsedOrRefused(token);
    const site = siteOf(parsed);
    const begun = site.source.begun();
    if (!site.source.ready(readingOf(clock), waitUntil))
      await site.source.load(waitUntil).catch(countRefusal);
    let key = site.source.select(parsed.header);
    if (key === "kid_unknown" && isPlausible(parsed, site))
      key = await site.source.seek(parsed.header, begun, waitUntil);
    if (typeof key === "string") throw refused(key, null, site);
    return accepted(parsed, key, site, await key.check(parsed));
  }

  function verifySync(token: string): VerifiedToken {
    const known = recall(token);
    if (known !== null) return known;
    const parsed = parsedOrRefused(token);
    const site = siteOf(parsed);
    if (!site.source.ready(readingOf(clock))) throw refused("keys_not_ready", null, site);
    const key = site.source.select(parsed.header);
    if (key === "kid_unknown" && isPlausible(parsed, site)) {
      const flight = site.source.ask(parsed.header.kid as string);
      throw refused(flight === null ? site.source.notFound() : "keys_not_ready", null, site);
    }
    if (typeof key === "string") throw refused(key, null, site);
    if (key.checkSync === null) throw cannotWait();
    return accepted(parsed, key, site, key.checkSync(parsed));
  }

  /** A token that was verified before, if all that it hangs on still holds. */
  function recall(token: string, waitUntil?: WaitUntil): VerifiedToken | null {
    // What is no text at all is for the parser to refuse.
    const entry = typeof token === "string" ? cache?.get(token) : undefined;
    if (entry === undefined) return null;
    const { key, site, result, validFrom, validUntil } = entry;
    const reading = readingOf(clock);
    if (!key.live || reading.now >= validUntil) {
      cache?.delete(entry);
      return null;
    }
    // A clock that was set back, or keys that are too old: judged anew, and refused in the words for that.
    if (reading.now < validFrom || !site.source.ready(reading, waitUntil)) return null;
    count.cached++;
    key.counts.verified++;
    return result;
  }

  function accepted(
    parsed: ParsedToken,
    key: VerifyKey,
    site: Site,
    signatureIsValid: boolean,
  ): VerifiedToken {
    if (!signatureIsValid) throw refused("signature_invalid", key);
    // It may have been revoked while its signature was checked.
    const current = key.live ? key : site.source.select(parsed.header);
    if (current !== key) throw refused(typeof current === "string" ? current : "kid_unknown", key);
    const refusal = claimsRefusal(parsed, site, clock.now());
    if (refusal !== null) throw refused(refusal, key);
    const { token, header } = parsed;
    const claims = parsed.claims as VerifiedToken["claims"];
    const result: VerifiedToken = Object.freeze({ claims, header, kid: key.kid });
    const [validFrom, validUntil] = validBetween(claims, site.leewaySeconds);
    remember(parsed);
    cache?.add({ token, result, key, site, validFrom, validUntil });
    key.counts.verified++;
    return result;
  }

  /** Whose keys to try. With several issuers the token's own word decides, which its signature must then bear out. */
  function siteOf({ header, claims }: ParsedToken): Site {
    const site = only ?? byIssuer.get(claims.iss ?? "");
    if (site === undefined) throw refused("issuer_refused");
    if (!site.algorithms.includes(header.alg)) throw refused("alg_refused");
    return site;
  }

  /** Whether a token could be accepted if its key were there: for any other, the issuer is not asked. */
  function isPlausible(parsed: ParsedToken, site: Site): boolean {
    return claimsRefusal(parsed, site, clock.now()) === null;
  }

  function parsedOrRefused(token: string): ParsedToken {
    try {
      return parse(token);
    } catch (error) {
      return countRefusal(error);
    }
  }

  function countRefusal(error: unknown): never {
    if (isVerifyError(error)) count.refused(error.reason);
    throw error;
  }

  /** @param key to count it for @param site to say when its keys may be there */
  function refused(
    reason: RefusalReason,
    key: VerifyKey | null = null,
    site: Site | null = null,
  ): VerifyError {
    count.refused(reason);
    if (key !== null) key.counts.refused[reason] = (key.counts.refused[reason] ?? 0) + 1;
    return new VerifyError(
      reason,
      isUnavailable(reason) && site !== null ? site.source.retryAfterSeconds() : null,
    );
  }

  function health(): VerifierHealth {
    const issuers = sites.map(({ issuer, source }) => ({ issuer, ...source.health() }));
    const worst = (["down", "cold", "stale", "ok"] as const).find((status) =>
      issuers.some((one) => one.status === status),
    );
    return { status: worst ?? "ok", issuers };
  }

  return {
    verify:
      trace === null ? verify : (token, how) => traced(trace, "keyturn.verify", {}, () => verify(token, how)),
    verifySync,
    async warm({ waitUntil } = {}) {
      const cold = sites.filter(({ source }) => !source.ready(readingOf(clock), waitUntil));
      // How it went is in the answer.
      await Promise.allSettled(cold.map(({ source }) => source.load(waitUntil)));
      return health();
    },
    revoke(kid, { issuer } = {}) {
      const meant = issuer === undefined ? sites : sites.filter((site) => site.issuer === issuer);
      if (meant.length === 0) throw unknownIssuer();
      for (const { source } of meant) source.revoke(kid);
    },
    health,
    stats: () => count.stats(),
  };
}

function sourceOf(
  { issuer, algorithms, keys }: IssuerConfig,
  config: VerifierConfig,
  count: ReturnType<typeof counters>,
): JwksSource {
  const { snapshots, trace } = config;
  const url = "url" in keys ? keys.url : null;
  const fetched = "url" in keys ? httpOrigin(keys.url, config.fetch, config) : fixedOrigin(keys.document);
  const origin: typeof fetched =
    trace === null || url === null
      ? fetched
      : (etag, now) => traced(trace, "keyturn.jwks.fetch", { "url.full": url }, () => fetched(etag, now));
  return jwksSource({
    ...config,
    // Keys that are given stay as they are for ever.
    ...(url === null ? { maxFreshSeconds: Number.POSITIVE_INFINITY } : {}),
    origin,
    shared: snapshots === null || url === null ? null : { store: snapshots, key: `keyturn:jwks:${url}` },
    algorithms,
    counters: count,
    onEvent(event: SourceEvent) {
      // Whoever listens cannot break verification: neither by throwing nor by a promise that rejects.
      void (async () => config.onEvent({ issuer, ...event }))().catch(() => undefined);
    },
  });
}

/** What the hook does cannot change what comes of the work, nor whether it is done. */
async function traced<T>(
  trace: Trace,
  name: Parameters<Trace>[0],
  attributes: Parameters<Trace>[1],
  work: () => Promise<T>,
): Promise<T> {
  let running: Promise<T> | undefined;
  const once = () => {
    running ??= work();
    return running;
  };
  await (async () => trace(name, attributes, once))().catch(() => undefined);
  return once();
}

function unknownIssuer(): KeyturnError {
  return new KeyturnError("config_invalid", "The verifier has no issuer of that name.", {
    fix: "Pass the issuer as it was given to createVerifier, character by character, or leave it out.",
  });
}

function cannotWait(): KeyturnError {
  return new KeyturnError("alg_unsupported", "This runtime cannot check a signature synchronously.", {
    fix: "Await verify() instead; verifySync is for Node.",
  });
}
