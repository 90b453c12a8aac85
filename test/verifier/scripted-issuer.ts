/** A JWKS endpoint as a `fetch` function: a test writes its answers, holds them back, and counts what was asked. */
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  createVerifier,
  type SnapshotStore,
  type Verifier,
  type VerifierEvent,
} from "../../src/verifier/index.ts";
import { encodeSnapshot } from "../../src/verifier/snapshots.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import {
  AUDIENCE,
  CHECKS_AT_ONCE,
  ISSUER,
  JWKS_URL,
  NOW,
  type SampleKey,
  sampleKey,
  sign,
  type Verdict,
  verdictOf,
  verdictSyncOf,
  type WatchedOptions,
} from "./sample-issuer.ts";

/** What a request gets. Throws where there is no connection. */
export type Reply = (request: Headers) => Response | Promise<Response>;

/** A request that waits until the test lets it go. */
export interface HeldRequest {
  answer(reply: Reply): void;
}

export interface ScriptedIssuer {
  readonly fetch: typeof fetch;
  reply: Reply;
  /** The headers of every request so far. */
  readonly requests: Headers[];
  /** From now on requests wait, and are found here. Set to null to answer at once again. */
  held: HeldRequest[] | null;
}

export function scriptedIssuer(reply: Reply): ScriptedIssuer {
  const issuer: ScriptedIssuer = {
    reply,
    requests: [],
    held: null,
    async fetch(_, init) {
      const headers = new Headers(init?.headers);
      issuer.requests.push(headers);
      const { held } = issuer;
      const answer =
        held === null ? issuer.reply : await new Promise<Reply>((go) => held.push({ answer: go }));
      return answer(headers);
    },
  };
  return issuer;
}

export interface Publication {
  readonly headers?: Readonly<Record<string, string>>;
  readonly ring?: string;
  readonly generation?: number;
}

export type Published = readonly (SampleKey | Readonly<Record<string, unknown>>)[];

/** A JWKS with these keys, and 304 for whoever holds it by its ETag. */
export function jwks(published: Published, { headers = {}, ...members }: Publication = {}): Reply {
  const keys = published.map((key) => ("jwk" in key ? key.jwk : key));
  const body = JSON.stringify({ ...members, keys });
  return (request) => {
    const etag = headers["ETag"];
    return etag !== undefined && request.get("If-None-Match") === etag
      ? new Response(null, { status: 304, headers })
      : new Response(body, { headers });
  };
}

export function answers(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return () => new Response(null, { status, headers });
}

export function text(body: string): Reply {
  return () => new Response(body);
}

export const OUTAGE: Reply = () => {
  throw new TypeError("fetch failed");
};

/** As fetch does it when its signal says that time is up. */
export const STALL: Reply = () => {
  throw new DOMException("The operation was aborted due to timeout", "TimeoutError");
};

export const HTML = text("<!doctype html><title>Log in</title>");

/** White space for ever. */
export const ENDLESS: Reply = () => {
  const spaces = new Uint8Array(16_384).fill(0x20);
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(spaces) }));
};

/** The first bytes of a JWKS, then the connection is gone. */
export const CUT_OFF: Reply = () =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"keys":[')),
      pull: (controller) => controller.error(new TypeError("terminated")),
    }),
  );

export const KEY = sampleKey("EdDSA", "key-1");
export const NEXT_KEY = sampleKey("EdDSA", "key-2");
/** Of nobody: its kid is in no JWKS unless a test puts it there. */
export const STRANGER = sampleKey("EdDSA", "stranger");

const DECADE = 10 * 365 * 86_400;
let tokens = 0;

/** A token that is not the same as any before, and outlives the test. */
export function tokenOf(key: SampleKey, claims: Readonly<Record<string, unknown>> = {}): string {
  tokens++;
  return sign(key, {}, { jti: `${tokens}`, exp: NOW + DECADE, ...claims });
}

export interface Scene {
  readonly verifier: Verifier;
  readonly issuer: ScriptedIssuer;
  readonly clock: ManualClock;
  readonly events: VerifierEvent[];
  /** Requests since this was last read. */
  fetches(): number;
  /** The types of the events since this was last read. */
  told(): string[];
  verdict(token?: string): Promise<Verdict>;
  verdictSync(token?: string): Verdict;
}

/** A verifier of one issuer that publishes KEY for 600 seconds, before its first request. */
export function scene(options: WatchedOptions = {}, reply: Reply = jwks([KEY])): Scene {
  const issuer = scriptedIssuer(reply);
  const clock = manualClock(NOW);
  const events: VerifierEvent[] = [];
  const verifier = createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: JWKS_URL,
    fetch: issuer.fetch,
    clock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    ...options,
  });
  let counted = 0;
  let heard = 0;
  return {
    verifier,
    issuer,
    clock,
    events,
    fetches() {
      const before = counted;
      counted = issuer.requests.length;
      return counted - before;
    },
    told() {
      const before = heard;
      heard = events.length;
      return events.slice(before).map(({ type }) => type);
    },
    verdict: (token = tokenOf(KEY)) => verdictOf(verifier, token),
    verdictSync: (token = tokenOf(KEY)) => verdictSyncOf(verifier, token),
  };
}

/** The same, once it has its keys. What was fetched and told for that is not counted. */
export async function warmScene(options: WatchedOptions = {}, reply?: Reply): Promise<Scene> {
  const warm = scene(options, reply);
  await warm.verifier.warm();
  warm.fetches();
  warm.told();
  return warm;
}

/** Node comes back from checking a signature in some turn; workerd, where each takes a millisecond, in the next. */
const TURNS = CHECKS_AT_ONCE ? 5 : 1;

/** Lets background work go on as far as it can without an answer that is held. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
}

/** Time passes in steps, with a token in each, until there was so much of it. */
export async function live({ clock, verdict }: Scene, seconds: number, stepSeconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += stepSeconds) {
    clock.advance(stepSeconds);
    await verdict();
    await settled();
  }
}

/** Where a fleet keeps its snapshots. */
export const SHELF = `keyturn:jwks:${JWKS_URL}`;

export class Shelf implements SnapshotStore {
  readonly texts = new Map<string, string>();
  readonly ttls: number[] = [];
  async load(key: string): Promise<string | null> {
    return this.texts.get(key) ?? null;
  }
  async save(key: string, snapshot: string, ttlSeconds: number): Promise<void> {
    this.texts.set(key, snapshot);
    this.ttls.push(ttlSeconds);
  }
}

export interface Fleet {
  readonly issuer: ScriptedIssuer;
  readonly clock: ManualClock;
  readonly shelf: Shelf;
  readonly events: VerifierEvent[];
  instance(options?: WatchedOptions): Verifier;
}

/** Instances that share an issuer, a clock and a store. */
export function fleet(): Fleet {
  const issuer = scriptedIssuer(jwks([KEY]));
  const clock = manualClock(NOW);
  const shelf = new Shelf();
  const events: VerifierEvent[] = [];
  return {
    issuer,
    clock,
    shelf,
    events,
    instance: (options) =>
      createVerifier({
        issuer: ISSUER,
        audience: AUDIENCE,
        jwksUrl: JWKS_URL,
        fetch: issuer.fetch,
        clock,
        random: () => 0.5,
        snapshots: shelf,
        onEvent: (event) => events.push(event),
        ...options,
      }),
  };
}

export interface Written {
  readonly age?: number;
  readonly freshSeconds?: number;
  readonly generation?: number;
  readonly published?: Published;
}

/** What an instance would have saved so many seconds ago. */
export function snapshot({
  age = 0,
  freshSeconds = 600,
  generation = 1,
  published = [KEY],
}: Written = {}): string {
  const body = JSON.stringify({ ring: "one", generation, keys: published.map((key) => key["jwk"]) });
  return encodeSnapshot({ fetchedAt: NOW - age, freshSeconds, etag: '"kept"', body });
}
