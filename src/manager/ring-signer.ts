/** Signing with a ring that others turn over: reads it, keeps it fresh, and never writes. */
import { createKeyManager, type KeyManager, type KeyManagerOptions } from "./manager.ts";

/** Calls `work` once after so many seconds, unless what it returns is called before. Must keep no process alive. */
export type Later = (seconds: number, work: () => void) => () => void;

export interface SignerOptions
  extends Pick<
    KeyManagerOptions,
    "store" | "issuer" | "kek" | "previousKek" | "tokenTyp" | "anchor" | "clock" | "onEvent"
  > {
  /** Sets the next refresh. Default: a timer that lets the process end. */
  readonly later?: Later;
}

export interface RingSigner extends Pick<KeyManager, "sign" | "jwks" | "status"> {
  /** No refresh begins after it; waits for one under way. The ring read last is good until its lease ends. */
  close(): Promise<void>;
}

/** `refreshSeconds` is a promise, so one refresh may fail, and each may take its time, before it is broken. */
const REFRESHES_PER_PERIOD = 2;

/** Longer delays overflow timers (2^31 − 1 ms) and would fire at once. */
const LATER_SECONDS_MAX = 86_400;

/**
 * Opens a ring only to sign with it: for programs beside a `keyturn serve` that turns it over. Permission to
 * read the store is enough. Reads the ring at once and then twice in `refreshSeconds`; when that fails, the
 * last good ring is kept, and signs until its lease ends. Where there are no timers in the background, `sign`
 * renews the lease itself once it has ended.
 *
 * @throws KeyturnError `ring_missing`, and as `createKeyManager`
 */
export async function openSigner(options: SignerOptions): Promise<RingSigner> {
  const { later = inBackground, ...rest } = options;
  const keys = await createKeyManager({ ...rest, createIfMissing: false });
  let underWay: Promise<void> = Promise.resolve();
  let closed = false;
  let cancel = () => {};

  function arm(): void {
    if (closed) return;
    const seconds = keys.ring().policy.refreshSeconds / REFRESHES_PER_PERIOD;
    cancel = later(Math.min(seconds, LATER_SECONDS_MAX), () => {
      // A failure has been told as `store_failed`; the lease decides what follows from it.
      underWay = keys.refresh().then(arm, arm);
    });
  }

  arm();
  return {
    sign: keys.sign,
    jwks: keys.jwks,
    status: keys.status,
    async close() {
      closed = true;
      cancel();
      await underWay;
    },
  };
}

function inBackground(seconds: number, work: () => void): () => void {
  const timer: unknown = setTimeout(work, seconds * 1000);
  // A number in browsers and Workers.
  if (isUnrefable(timer)) timer.unref();
  return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
}

function isUnrefable(timer: unknown): timer is { unref(): void } {
  return typeof timer === "object" && timer !== null && "unref" in timer;
}
