/**
 * An issuer for the tests of whoever verifies its tokens. It turns over, revokes, fails, stalls and
 * lies on command, at the pace of a clock that the test moves; there is no network. Behind it are
 * a real manager, ring and HTTP app, so what verifiers see is what keyturn publishes.
 */
import { createApp } from "../http/app.ts";
import { JWKS_PATH } from "../http/jwks.ts";
import { generateKek, parseKek } from "../keys/kek.ts";
import { openJwk } from "../keys/seal.ts";
import type { RevokeOutcome } from "../manager/commands.ts";
import { createKeyManager, type KeyManager } from "../manager/manager.ts";
import type { Claims, SignedToken, SignOptions } from "../manager/token.ts";
import type { PublicJwks, PublishedJwk } from "../ring/jwks.ts";
import { emitterOf } from "../ring/phase.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import { memoryStore } from "../store/memory.ts";
import { type Forgeries, forgeries } from "./forged-token.ts";
import { type Faults, faultyEndpoint } from "./issuer-faults.ts";
import { type MovableClock, movableClock } from "./movable-clock.ts";
import { schedule, type Turnovers } from "./turnover.ts";

export interface TestIssuerOptions {
  /** The `iss` of its tokens: https, or http on loopback. Default `https://auth.test`. */
  readonly issuer?: string;
  /** Durations and algorithm, as for `createKeyManager`. Default: the default policy, and RSA keys of 2048 bits, which are made faster. */
  readonly policy?: Partial<RotationPolicy>;
  /** Header `typ` of its tokens. Default `JWT`. */
  readonly tokenTyp?: string;
  /** Several issuers may share one. Default: its own, from the machine's time on. */
  readonly clock?: MovableClock;
}

/** What the issuer was asked, and what it answered. */
export interface TestRequest {
  readonly method: string;
  readonly url: string;
  /** Of the request; null where it had none. */
  readonly ifNoneMatch: string | null;
  /** By the issuer's clock, in epoch seconds. */
  readonly at: number;
  /** Null while there is no answer, and where none ever came. */
  readonly status: number | null;
}

export interface TestIssuer extends Turnovers, Faults, Forgeries {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Give it to the verifier too. Moved directly, the ring catches up when it is asked next. */
  readonly clock: MovableClock;
  /**
   * Answers for the URLs of this issuer: JWKS and discovery. Heeds an AbortSignal. Rejects with a
   * TypeError for every other URL.
   */
  readonly fetch: typeof fetch;
  /** Of all requests, the oldest first. */
  readonly requests: readonly TestRequest[];
  /** The kid that signs now. */
  readonly kid: string;
  /** Signs a JWT, as `KeyManager.sign` does. @throws KeyturnError `claims_invalid`, `claims_too_large`, `lifetime_too_long` */
  sign(claims?: Claims, options?: SignOptions): Promise<SignedToken>;
  /**
   * An emergency: takes a key out of the JWKS at once and for ever; another one signs.
   * @param kid default: the key that signs now
   * @returns among others `refusedByAt`, by when every verifier refuses it
   * @throws KeyturnError `kid_unknown`
   */
  revoke(kid?: string): Promise<RevokeOutcome>;
  /** The manager behind it, for all else: pause, rollback, a change of policy. */
  readonly keys: KeyManager;
}

/**
 * Makes an issuer, with one key that signs and, unless the policy says otherwise, a standby key.
 *
 * ```ts
 * const issuer = await createTestIssuer();
 * const verifier = createVerifier({
 *   issuer: issuer.issuer,
 *   audience: "orders",
 *   jwksUrl: issuer.jwksUrl,
 *   fetch: issuer.fetch,
 *   clock: issuer.clock,
 * });
 * const { token } = await issuer.sign({ sub: "user-1", aud: "orders" });
 * await issuer.rotate({ meanwhile: () => verifier.verify(token) });
 * ```
 *
 * @throws KeyturnError `config_invalid`, `policy_invalid`
 */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const { issuer = "https://auth.test", policy, tokenTyp = "JWT", clock = movableClock() } = options;
  const secret = generateKek();
  const kek = await parseKek(secret);
  const keys = await createKeyManager({
    store: memoryStore(),
    kek: secret,
    issuer,
    policy: { rsaBits: 2048, ...policy },
    tokenTyp,
    clock,
  });
  const app = createApp({ manager: keys });
  const base = issuer.replace(/\/$/, "");

  let published: PublicJwks = keys.jwks();
  let older: PublicJwks | null = null;
  const { keepUp, ...turnovers } = schedule(keys, clock, () => {
    const jwks = keys.jwks();
    if (kidsOf(jwks) !== kidsOf(published)) older = published;
    published = jwks;
  });

  async function emitterWithPrivateHalf(): Promise<PublishedJwk> {
    const ring = keys.ring();
    const { kid, alg, sealedJwk } = emitterOf(ring);
    const privateJwk = await openJwk(sealedJwk, { ring: ring.id, kid }, kek);
    return { ...privateJwk, kid, alg, use: "sig" } as PublishedJwk;
  }

  const { answer, ...faults } = faultyEndpoint({
    jwks: keys.jwks,
    olderJwks: () => older,
    emitterWithPrivateHalf,
  });

  const requests: Recorded[] = [];

  const answered: typeof fetch = async (input, init) => {
    const { url, method, headers } = new Request(input, init);
    const signal = init?.signal ?? (input instanceof Request ? input.signal : null);
    const path = url.startsWith(`${base}/`) ? url.slice(base.length) : null;
    if (path === null) throw new TypeError(`The test issuer answers for ${base}/ only, not for ${url}.`);
    const request: Recorded = {
      method,
      url,
      ifNoneMatch: headers.get("If-None-Match"),
      at: clock.now(),
      status: null,
    };
    requests.push(request);
    const response = await answer(
      async () => {
        await keepUp();
        return app.request(path, { method, headers });
      },
      path.split("?")[0] === JWKS_PATH,
      signal,
    );
    request.status = response.status;
    return response;
  };

  return {
    issuer,
    jwksUrl: `${base}${JWKS_PATH}`,
    clock,
    fetch: answered,
    requests,
    get kid() {
      return emitterOf(keys.ring()).kid;
    },
    keys,
    ...forgeries(keys, kek),
    ...faults,
    ...turnovers,
    async sign(claims = {}, how) {
      await keepUp();
      return keys.sign(claims, how);
    },
    async revoke(kid) {
      await keepUp();
      const outcome = await keys.revoke(kid ?? emitterOf(keys.ring()).kid, { actor: "test", reason: "test" });
      await keepUp();
      return outcome;
    },
  };
}

/** The answer is entered when it is there. */
type Recorded = Omit<TestRequest, "status"> & { status: TestRequest["status"] };

function kidsOf({ keys }: PublicJwks): string {
  return keys.map(({ kid }) => kid).join();
}
