/**
 * The shell around the rules: keeps a snapshot of the ring, signs with its emitter, and hands every
 * change, the schedule's and the operators', to the one commit loop.
 */
import { type Clock, type Reading, readingOf, systemClock } from "../clock.ts";
import { withinSeconds } from "../deadline.ts";
import { KeyturnError } from "../errors.ts";
import { generateKek, type Kek, parseKek } from "../keys/kek.ts";
import type { AuditCause } from "../ring/audit.ts";
import { EARLIEST_INSTANT, LATEST_INSTANT } from "../ring/document.ts";
import { type PublicJwks, publicJwks } from "../ring/jwks.ts";
import { type PlannedStep, timeline } from "../ring/plan.ts";
import { parsePolicy, type RotationPolicy } from "../ring/policy.ts";
import type { KeyRing } from "../ring/ring.ts";
import { LOAD_SECONDS_MAX } from "../store/guarded.ts";
import { type RingStore, ringMissing } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { type Adoption, adoptRing } from "./adopt.ts";
import type { AuditRoomOf } from "./audit-hold.ts";
import { type Commands, causeOf, commands } from "./commands.ts";
import { committer } from "./commit.ts";
import { createRing } from "./create.ts";
import { type Exporter, exporter } from "./export-key.ts";
import { followsRing } from "./follows.ts";
import { type Anchor, ageSeconds, type Snapshot, snapshotHolder } from "./snapshot.ts";
import { type Status, statusOf } from "./status.ts";
import { assertBorne } from "./store-pace.ts";
import { type Probe, type Ticker, type TickResult, ticker } from "./tick.ts";
import { type Claims, lifetimeOf, payloadOf, type SignedToken, type SignOptions } from "./token.ts";
import { witness } from "./witness.ts";

export interface KeyManagerOptions {
  /** Where the ring is kept: `memoryStore()`, `fileStore(folder)`, or your own that passes `keyturn/testing`. */
  readonly store: RingStore;
  /** The `iss` of every token (RFC 7519 section 4.1.1): an https URL, or http on loopback. */
  readonly issuer: string;
  /**
   * Durations and algorithm; what is left out takes its default. A new ring starts with it. A node
   * whose policy differs from the ring's signs, but makes no step until `applyPolicy`. Default: the ring's.
   */
  readonly policy?: Partial<RotationPolicy>;
  /** The key-encryption key: 32 random bytes in base64url. May only be left out for a store that dies with the process. */
  readonly kek?: string;
  /** The KEK before that, while `rewrap` has not yet moved the ring to the new one. */
  readonly previousKek?: string;
  /** Whether an empty store gets a new ring; of many nodes that boot at once, one wins. Default true. */
  readonly createIfMissing?: boolean;
  /** The private key of an issuer that runs already: a new ring starts with it as its emitter. Default: a fresh key. */
  readonly adopt?: Adoption;
  /** Header `typ` of the tokens (RFC 7519 section 5.1; `at+jwt` in RFC 9068). Default `JWT`. */
  readonly tokenTyp?: string;
  /** Asked which kids the public JWKS URL shows; a new key's hold then starts when it is among them. Default: the commit counts. */
  readonly probe?: Probe;
  /** Asked before a due step; false: this node takes none, while operators' commands still work. Default: always true. */
  readonly stepsOn?: () => Promise<boolean>;
  /** How far the audit sinks allow changes. Default: no sink is waited for. */
  readonly auditRoom?: AuditRoomOf;
  /** What an audit log outside the store saw last; a ring behind it is refused as a restored backup. */
  readonly anchor?: Anchor;
  /** Default: the machine's clocks. */
  readonly clock?: Clock;
  /** Told of everything observable, synchronously; must not throw. Default: nobody. */
  readonly onEvent?: OnEvent;
}

export interface KeyManager extends Commands, Exporter {
  /**
   * Signs a JWT. Sets `iss`, `iat`, `exp`, `jti` and the header's `alg`, `typ`, `kid`.
   *
   * @throws KeyturnError `claims_invalid`, `claims_too_large`, `lifetime_too_long`; `ring_stale`
   *   when the store has been out of reach for longer than the lease.
   */
  sign(claims: Claims, options?: SignOptions): Promise<SignedToken>;
  /** The JWKS (RFC 7517) as of now, from the last good ring. */
  jwks(): PublicJwks;
  status(): Status;
  /** The next steps with the instant of each and every term of its hold. Default 6. */
  plan(count?: number): PlannedStep[];
  /** Takes the one step that is due, if any. Any number of nodes may tick, as often as they like. */
  tick(): Promise<TickResult>;
  /** Reads the store and renews the lease. Nodes call it every `refreshSeconds`; ticks do it as well. */
  refresh(): Promise<void>;
  /** The last good ring: what `jwks` and `status` are derived from. */
  ring(): KeyRing;
  /** By how much that ring is older than `refreshSeconds`: 0 unless the store cannot be read. Whole seconds. */
  lagSeconds(): number;
  readonly clock: Clock;
  readonly issuer: string;
}

/**
 * Opens the ring in `store`, or creates it.
 *
 * @throws KeyturnError `clock_implausible`, `config_invalid`, `policy_invalid`, `kek_missing`, `kek_invalid`,
 *   `kek_mismatch`, `import_invalid`, `ring_missing`, `ring_corrupt`, `ring_tampered`, `ring_rolled_back`, or what the
 *   store throws. A ring that cannot be read is never replaced.
 */
export async function createKeyManager(options: KeyManagerOptions): Promise<KeyManager> {
  const { store, clock = systemClock, onEvent = () => {}, tokenTyp = "JWT" } = options;
  assertPlausible(clock);
  const issuer = parseIssuer(options.issuer);
  const keks = await parseKeks(options);
  store.judgeBy?.(followsRing(keks));
  const policy = options.policy === undefined ? null : parsePolicy(options.policy);
  if (policy !== null) assertBorne(policy, store);

  const seen = witness();
  const { anchor } = options;
  const snapshots = snapshotHolder({ store, keks, clock, tokenTyp, anchor, onRead: seen.observe, onEvent });
  const commit = committer({ store, kek: keks[0], clock, snapshots, onEvent });
  const ring = () => snapshots.current()?.ring ?? null;
  const { probe, auditRoom, stepsOn = async () => true } = options;
  const node = {
    store,
    policy,
    kek: keks[0],
    clock,
    commit,
    witness: seen,
    probe,
    auditRoom,
    stepsOn,
    ring,
    onEvent,
  };
  const schedule: Ticker = ticker(node);

  if ((await snapshots.reload()) === null) {
    if (options.createIfMissing === false) throw ringMissing(store);
    const first = policy ?? parsePolicy({});
    assertBorne(first, store);
    await create(first);
  }

  async function create(first: RotationPolicy): Promise<void> {
    const { adopt } = options;
    if (adopt === undefined) await commit(createRing(first, keks[0], probe === undefined), FIRST_BOOT);
    else await commit(adoptRing(adopt, first, keks[0]), causeOf({ actor: "init", ...adopt }));
  }

  function held(): Snapshot {
    return snapshots.current() as Snapshot;
  }

  const issuerJson = JSON.stringify(issuer);

  async function sign(claims: Claims, signOptions: SignOptions = {}): Promise<SignedToken> {
    let reading = readingOf(clock);
    if (!withinLease(held(), reading)) {
      const cause = await renewLease(reading).catch((error: unknown) => error);
      reading = readingOf(clock);
      // Where this look failed or hangs, another may have renewed the lease.
      if (!withinLease(held(), reading)) throw stale(held(), reading, cause);
    }
    const { ring, signer } = held();
    const expiresAt = reading.now + lifetimeOf(signOptions, ring.policy.tokenSeconds);
    const signed = signer.sign(payloadOf(claims, issuerJson, reading.now, expiresAt));
    return { token: typeof signed === "string" ? signed : await signed, kid: signer.kid, expiresAt };
  }

  async function refresh(): Promise<void> {
    await snapshots.reload();
  }

  let look = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };
  /** Tokens that find the lease over share one look at the store per second; one that hangs holds up no later one. */
  function renewLease({ monotonic }: Reading): Promise<void> {
    if (monotonic - look.at >= 1) look = { at: monotonic, done: refresh() };
    const { done } = look;
    return withinSeconds(RENEW_SECONDS, () => done);
  }

  return {
    clock,
    issuer,
    sign,
    refresh,
    ring: () => held().ring,
    lagSeconds: () => lagSeconds(held(), readingOf(clock)),
    jwks: () => publicJwks(held().ring, clock.now()),
    status: () => statusOf(held(), clock, schedule.state(held().ring)),
    plan: (count = 6) => timeline(held().ring, clock.now(), count),
    tick: () => schedule.tick(),
    ...commands(node, (applied) => schedule.adopt(applied)),
    ...exporter(node),
  };
}

/**
 * How long a token waits for a look that another may have begun: on Workers it never ends when that other's
 * request is cut off. A second more than a load has, so that why the store failed is told where it is known.
 */
export const RENEW_SECONDS: number = LOAD_SECONDS_MAX + 1;

function withinLease(snapshot: Snapshot, reading: Reading): boolean {
  return ageSeconds(snapshot, reading) <= snapshot.ring.policy.leaseSeconds;
}

function lagSeconds(snapshot: Snapshot, reading: Reading): number {
  return Math.max(0, Math.ceil(ageSeconds(snapshot, reading) - snapshot.ring.policy.refreshSeconds));
}

function stale(snapshot: Snapshot, reading: Reading, cause: unknown): KeyturnError {
  const age = Math.floor(ageSeconds(snapshot, reading));
  return new KeyturnError(
    "ring_stale",
    `The ring was last read ${age} s ago, the lease is ${snapshot.ring.policy.leaseSeconds} s: this node must not sign.`,
    { fix: "Signing resumes by itself when the store can be read again.", cause },
  );
}

async function parseKeks({ kek, previousKek, store }: KeyManagerOptions): Promise<readonly [Kek, ...Kek[]]> {
  if (kek === undefined && store.ephemeral !== true) {
    throw new KeyturnError(
      "kek_missing",
      `A ring in ${store.description} needs a key-encryption key; none was given.`,
      {
        fix: "Pass `kek`: 32 random bytes in base64url, kept apart from the ring.",
      },
    );
  }
  const current = await parseKek(kek ?? generateKek());
  return previousKek === undefined ? [current] : [current, await parseKek(previousKek)];
}

/** Nobody in particular: of many nodes that start at once, one. */
const FIRST_BOOT: AuditCause = { trigger: "automatic", actor: "init", reason: null };

/** A machine that has lost its time starts in 1970; what it signed and stored would be wrong for ever. */
function assertPlausible(clock: Clock): void {
  const now = clock.now();
  if (now >= EARLIEST_INSTANT && now <= LATEST_INSTANT) return;
  throw new KeyturnError(
    "clock_implausible",
    `The clock says ${now} seconds since 1970, which cannot be now.`,
    {
      fix: "Set the clock (NTP), then start again. Nothing was changed.",
    },
  );
}

/** RFC 8414 section 2: https, no query, no fragment. Plain http is for this machine alone. */
export function parseIssuer(issuer: string): string {
  const url = URL.canParse(issuer) ? new URL(issuer) : null;
  const loopback = url !== null && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const lawful = url?.protocol === "https:" || (url?.protocol === "http:" && loopback);
  // The URL parser drops white space and control characters; verifiers compare `iss` to the letter.
  const bare = url?.username === "" && url.password === "" && !/[?#\s\p{Cc}]/u.test(issuer);
  if (lawful && bare) return issuer;
  throw new KeyturnError("config_invalid", "The issuer is not an https URL without query and fragment.", {
    fix: "Use what stands in your tokens' `iss`, like https://auth.example.com; http is accepted on loopback only.",
    problems: [
      { code: "issuer_invalid", at: "issuer", message: "Expected an https URL without query and fragment." },
    ],
  });
}
