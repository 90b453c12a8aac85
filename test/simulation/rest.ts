/**
 * Knows when all that was set going has come to rest: no microtask is left, and no call of
 * cryptography is on another thread. With that, real cryptography and virtual time go together without chance.
 */

let underWay = 0;
let drained: (() => void) | null = null;

function ended(): void {
  underWay--;
  if (underWay === 0) drained?.();
}

/** Counts `work` as under way until it has ended. */
export function counted<T>(work: Promise<T>): Promise<T> {
  underWay++;
  work.then(ended, ended);
  return work;
}

/** Counts the calls of WebCrypto that are under way, once for the whole thread. */
export function countCryptoCalls(): void {
  const { subtle } = globalThis.crypto;
  const methods = [
    "digest",
    "sign",
    "verify",
    "encrypt",
    "decrypt",
    "generateKey",
    "importKey",
    "exportKey",
    "wrapKey",
    "unwrapKey",
    "deriveBits",
    "deriveKey",
  ] as const;
  for (const name of methods) {
    const call = (subtle[name] as (...given: unknown[]) => Promise<unknown>).bind(subtle);
    Object.defineProperty(subtle, name, {
      value: (...given: unknown[]) => counted(call(...given)),
      configurable: true,
    });
  }
}

/** Node does what it has of microtasks between two immediates; a turn of its whole loop for each rest would cost several times as much. */
const QUEUED_AT_ONCE = 64;

let queued = 0;
let waiting: (() => void) | null = null;

function immediate(): void {
  queued--;
  const resolve = waiting;
  waiting = null;
  resolve?.();
}

function noMicrotaskIsLeft(): Promise<void> {
  if (queued === 0) for (; queued < QUEUED_AT_ONCE; queued++) setImmediate(immediate);
  return new Promise((resolve) => {
    waiting = resolve;
  });
}

export async function comeToRest(): Promise<void> {
  do {
    if (underWay > 0) {
      await new Promise<void>((resolve) => {
        drained = resolve;
      });
      drained = null;
    }
    await noMicrotaskIsLeft();
  } while (underWay > 0);
}
