/**
 * An auth service that signs without pause, and consumers that verify each token when it is new,
 * again and again, and for the last time in the last second of its life.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { SignedToken } from "../manager/token.ts";
import type { Ledger } from "./ledger.ts";
import type { Verifier } from "./verifiers.ts";

export interface TrafficOptions {
  /** The server that signs. */
  readonly url: string;
  readonly apiToken: string;
  readonly audience: string;
  readonly verifiers: readonly Verifier[];
  readonly ledger: Ledger;
  readonly clock: Clock;
}

export interface Traffic {
  /** The token that the key signed last. */
  latestOf(kid: string): string | undefined;
  /** Signs no more, and verifies once more whatever still lives. */
  finish(): Promise<void>;
  /** Leaves everything as it is. */
  stop(): Promise<void>;
}

interface LivingToken extends SignedToken {
  readonly signedAt: number;
  /** When it was verified last, on the monotonic clock; null when it is new. */
  checkedAt: number | null;
  checkedLast: boolean;
}

/** Enough for dozens of tokens per key, and little beside what the verifiers make of them. */
const SIGN_EVERY_MILLISECONDS = 50;
const RECHECK_EVERY_SECONDS = 2;
const SWEEP_EVERY_MILLISECONDS = 250;

/** The server answers at once, or something is wrong. */
const SIGN_TIMEOUT_MILLISECONDS = 5_000;

export function startTraffic(options: TrafficOptions): Traffic {
  const { verifiers, ledger, clock } = options;
  const living = new Set<LivingToken>();
  const latest = new Map<string, string>();
  const stopped = new AbortController();

  async function check(token: LivingToken): Promise<void> {
    const isNew = token.checkedAt === null;
    token.checkedAt = clock.monotonic();
    token.checkedLast = isLastSecond(token);
    await Promise.all(verifiers.map((verifier) => ask(verifier, token, isNew)));
  }

  async function ask({ name, verify }: Verifier, token: LivingToken, isNew: boolean): Promise<void> {
    const { kid, expiresAt, signedAt } = token;
    try {
      await verify(token.token);
      ledger.verified(name, kid, isNew);
    } catch (error) {
      const now = clock.now();
      // It expired while it was verified: that is no fault.
      if (now >= expiresAt) return;
      ledger.rejected({ verifier: name, kid, ageSeconds: now - signedAt, reason: reasonOf(error) });
    }
  }

  const isLastSecond = ({ expiresAt }: SignedToken) => clock.now() >= expiresAt - 1;

  async function signAndCheck(): Promise<void> {
    const signed = await signedBy(options).catch((error: unknown) => ledger.unsigned(reasonOf(error)));
    if (signed === undefined) return;
    ledger.signed(signed.kid);
    latest.set(signed.kid, signed.token);
    const token = { ...signed, signedAt: clock.now(), checkedAt: null, checkedLast: false };
    await check(token);
    living.add(token);
  }

  async function sweep(): Promise<void> {
    for (const token of living) {
      if (stopped.signal.aborted) return;
      const { checkedAt, checkedLast, expiresAt } = token;
      const due = clock.monotonic() - (checkedAt ?? 0) >= RECHECK_EVERY_SECONDS || isLastSecond(token);
      if (clock.now() >= expiresAt || checkedLast) living.delete(token);
      else if (due) await check(token);
    }
  }

  async function repeat(work: () => Promise<void>, everyMilliseconds: number): Promise<void> {
    while (!stopped.signal.aborted) {
      await work();
      await delay(everyMilliseconds, undefined, stopped).catch(() => undefined);
    }
  }

  const running = Promise.all([
    repeat(signAndCheck, SIGN_EVERY_MILLISECONDS),
    repeat(sweep, SWEEP_EVERY_MILLISECONDS),
  ]);
  async function stop(): Promise<void> {
    stopped.abort();
    await running;
  }

  return {
    latestOf: (kid) => latest.get(kid),
    stop,
    async finish() {
      await stop();
      for (const token of living) if (clock.now() < token.expiresAt) await check(token);
    },
  };
}

async function signedBy({ url, apiToken, audience }: TrafficOptions): Promise<SignedToken> {
  const response = await fetch(`${url}/v1/tokens`, {
    method: "POST",
    headers: { Authorization: `Bearer ${apiToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ claims: { sub: "rehearsal", aud: audience } }),
    signal: AbortSignal.timeout(SIGN_TIMEOUT_MILLISECONDS),
  });
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  return (await response.json()) as SignedToken;
}

/** Libraries explain themselves in their message; some only in that of the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message || error.name}${cause}`.slice(0, 300);
}
