/**
 * Ours, and verifiers that are not, each with the JWKS cache that it has in the field, its times
 * scaled from the 600 s that they keep a JWKS for to the rehearsal's seconds. Most of the others are
 * development dependencies: who installs keyturn need not have them, and rehearses with the rest.
 */
import { setTimeout as delay } from "node:timers/promises";
import { createRemoteJWKSet, decodeJwt, type JWTVerifyGetKey, jwtVerify } from "jose";
import { createVerifier } from "../verifier/index.ts";

export type VerifierName = "keyturn" | "jose" | "jose-ttl-only" | "jwks-rsa" | "get-jwks";

export interface Verifier {
  /** A VerifierName, and what sets it apart where there are several of one. */
  readonly name: string;
  /** Whether it lets go of a key that the JWKS no longer shows. */
  readonly forgets: boolean;
  /** Rejects with the library's own error when the token does not verify. */
  verify(token: string, options?: VerifyOptions): Promise<void>;
}

export interface VerifyOptions {
  /** Whether an expired token will do: then the question is if its key is still trusted. Default false. */
  readonly expired?: boolean;
}

export interface VerifierOptions {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly alg: string;
  /** For how long they keep what they fetched: the policy's `jwksCacheSeconds`. */
  readonly cacheSeconds: number;
}

export const VERIFIERS: Readonly<Record<VerifierName, (options: VerifierOptions) => Promise<Verifier>>> = {
  keyturn: keyturn,
  jose: jose,
  // The most patient verifiers that honour the cache TTL. The emit hold is computed for these.
  "jose-ttl-only": joseTtlOnly,
  "jwks-rsa": jwksRsa,
  "get-jwks": getJwks,
};

export function isVerifierName(name: string): name is VerifierName {
  return Object.hasOwn(VERIFIERS, name);
}

/**
 * Those of `names` whose packages are installed, and the others.
 *
 * @param directUrl asked by a second set of them, each named "…, directly". Default: there is none.
 */
export async function loadVerifiers(
  names: readonly VerifierName[],
  options: VerifierOptions,
  directUrl?: string,
): Promise<{ readonly verifiers: Verifier[]; readonly missing: VerifierName[] }> {
  const verifiers: Verifier[] = [];
  const missing: VerifierName[] = [];
  for (const name of names) {
    try {
      verifiers.push(await VERIFIERS[name](options));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
      missing.push(name);
    }
  }
  if (directUrl === undefined) return { verifiers, missing };
  const second = await loadVerifiers(names, { ...options, jwksUrl: directUrl });
  return { verifiers: [...verifiers, ...second.verifiers.map(directly)], missing };
}

function directly(verifier: Verifier): Verifier {
  return { ...verifier, name: `${verifier.name}, directly` };
}

/** Long past the end of any rehearsal. */
const LENIENT_SECONDS = 3600;

/**
 * keyturn/verifier: the whole set for as long as max-age says. It asks again ahead of time, and for
 * an unknown kid. One cache for living and expired tokens, so expiry is left to the ledger of traffic.
 */
async function keyturn({ jwksUrl, issuer, audience, cacheSeconds }: VerifierOptions): Promise<Verifier> {
  const verifier = createVerifier({
    jwksUrl,
    issuer,
    audience,
    freshSeconds: cacheSeconds,
    // The least that it takes: its own floor of 60 s, scaled, would be less.
    minFreshSeconds: 1,
    leewaySeconds: LENIENT_SECONDS,
  });
  return {
    name: "keyturn",
    forgets: true,
    async verify(token) {
      await verifier.verify(token);
    },
  };
}

/** jose: the whole set for 600 s; on an unknown kid it refetches when the last fetch is 30 s ago. */
async function jose(options: VerifierOptions): Promise<Verifier> {
  const verify = joseVerify(options, (options.cacheSeconds * 30) / 600);
  return { name: "jose", forgets: true, verify };
}

/** So many consumers that one of them always has a JWKS from long ago. */
const TTL_ONLY_CONSUMERS = 3;

/**
 * jose told never to refetch early, as verifiers do that refetch by time alone. Several of them,
 * started one after another; each must verify a token, and none may trust a revoked key.
 */
async function joseTtlOnly(options: VerifierOptions): Promise<Verifier> {
  const consumers = [joseVerify(options, Number.POSITIVE_INFINITY)];
  const apart = (options.cacheSeconds * 1000) / TTL_ONLY_CONSUMERS;
  for (let i = 1; i < TTL_ONLY_CONSUMERS; i++) {
    void delay(i * apart, undefined, { ref: false }).then(() =>
      consumers.push(joseVerify(options, Number.POSITIVE_INFINITY)),
    );
  }
  return {
    name: "jose-ttl-only",
    forgets: true,
    async verify(token, asked = {}) {
      const answers = consumers.map((verify) => verify(token, asked));
      await (asked.expired === true ? Promise.any(answers) : Promise.all(answers));
    },
  };
}

function joseVerify(options: VerifierOptions, cooldownSeconds: number): Verifier["verify"] {
  const { jwksUrl, issuer, audience, alg, cacheSeconds } = options;
  const keys: JWTVerifyGetKey = createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: cacheSeconds * 1000,
    cooldownDuration: cooldownSeconds * 1000,
  });
  return async (token, { expired = false } = {}) => {
    const issuedAt = expired ? { currentDate: new Date((decodeJwt(token).iat ?? 0) * 1000) } : {};
    await jwtVerify(token, keys, { issuer, audience, algorithms: [alg], ...issuedAt });
  };
}

/** jwks-rsa with jsonwebtoken: each kid for 600 s; on an unknown kid it refetches every time. */
async function jwksRsa({ jwksUrl, issuer, audience, alg, cacheSeconds }: VerifierOptions): Promise<Verifier> {
  const { default: createClient } = await import("jwks-rsa");
  const { default: jsonwebtoken } = await import("jsonwebtoken");
  const client = createClient({ jwksUri: jwksUrl, cacheMaxAge: cacheSeconds * 1000 });
  const algorithms = [alg as "ES256"];
  return {
    name: "jwks-rsa",
    forgets: true,
    verify(token, { expired = false } = {}) {
      return new Promise((verified, rejected) => {
        jsonwebtoken.verify(
          token,
          ({ kid }, done) => {
            client.getSigningKey(kid).then((key) => done(null, key.getPublicKey()), done);
          },
          { issuer, audience, algorithms, ignoreExpiration: expired },
          (error) => (error === null ? verified() : rejected(error)),
        );
      });
    },
  };
}

/**
 * get-jwks with fast-jwt: each kid for a time of its own (60 s by default, here the whole cache TTL);
 * on an unknown kid it refetches every time. A fetch that no longer shows a kid counts as a failed
 * one, and the key as it was before is used, renewed each time, for as long as it is asked for
 * (get-jwks 11.0.3, `staleCache`). So it never forgets a revoked key that somebody keeps using.
 */
async function getJwks({ jwksUrl, issuer, audience, alg, cacheSeconds }: VerifierOptions): Promise<Verifier> {
  const { default: buildGetJwks } = await import("get-jwks");
  const { createVerifier } = await import("fast-jwt");
  const { origin: domain, pathname: jwksPath } = new URL(jwksUrl);
  const jwks = buildGetJwks({ ttl: cacheSeconds * 1000, jwksPath });
  const verifier = (ignoreExpiration: boolean) =>
    createVerifier({
      key: async ({ header }: { header: { kid?: string } }) =>
        jwks.getPublicKey({ domain, alg, kid: header.kid ?? "" }),
      allowedIss: issuer,
      allowedAud: audience,
      algorithms: [alg as "ES256"],
      ignoreExpiration,
    });
  const strict = verifier(false);
  const lenient = verifier(true);
  return {
    name: "get-jwks",
    forgets: false,
    async verify(token, { expired = false } = {}) {
      await (expired ? lenient : strict)(token);
    },
  };
}
