/** A process with nothing in its heap but a verifier, which is shown forged tokens. */
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createVerifier, isVerifyError } from "../dist/verifier/index.js";

export interface Flood {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly claims: { readonly aud: string };
  /** After so many the heap is weighed for the first time. */
  readonly first: number;
  /** In all. */
  readonly tokens: number;
}

export interface Withstood {
  /** Megabytes of heap. */
  readonly early: number;
  readonly late: number;
  /** From the first token to the last. */
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

const LIFETIME_SECONDS = 900;

const BURST = 64;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as (options: object) => void;

process.on("message", (flood: Flood) => {
  withstand(flood).then(
    (withstood) => process.send?.(withstood),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

async function withstand({ jwksUrl, issuer, claims, first, tokens }: Flood): Promise<Withstood> {
  const verifier = createVerifier({ issuer, audience: claims.aud, jwksUrl });
  const { status } = await verifier.warm();
  if (status !== "ok") throw new Error(`The verifier's keys are ${status}`);

  async function refuse(count: number): Promise<void> {
    for (let shown = 0; shown < count; shown++) {
      // As a server does, which reads from sockets between one burst and the next.
      if (shown % BURST === 0) await setImmediate();
      // Every other one has the right issuer: all that is wrong with it, as far as can be seen, is its kid.
      const iss = shown % 2 === 0 ? issuer : `https://${random(12)}.example`;
      const error: unknown = await verifier
        .verify(forged({ iss, ...claims }))
        .catch((refusal: unknown) => refusal);
      if (!isVerifyError(error, "kid_unknown", "issuer_refused"))
        throw new Error(`A forged token was not refused for its kid or issuer: ${String(error)}`);
    }
  }

  const startedAt = performance.now();
  await refuse(first);
  const early = heapMegabytes();
  const floodedAt = performance.now();
  await refuse(tokens - first);
  const endedAt = performance.now();
  const late = heapMegabytes();
  return {
    early,
    late,
    seconds: (endedAt - startedAt) / 1000,
    tokensPerSecond: (1000 * (tokens - first)) / (endedAt - floodedAt),
  };
}

/** Right in every part but its kid, and its signature, which is noise. */
function forged(claims: object): string {
  const iat = Math.floor(Date.now() / 1000);
  const header = { alg: "ES256", typ: "JWT", kid: random(32) };
  const payload = { iat, exp: iat + LIFETIME_SECONDS, jti: random(16), ...claims };
  return `${encoded(header)}.${encoded(payload)}.${random(64)}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function random(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}

/** Without what V8 keeps as long as there is room: code and sources that may be needed again, of Node's own most of all. */
function heapMegabytes(): number {
  collectGarbage({ type: "major", execution: "sync", flavor: "last-resort" });
  return process.memoryUsage().heapUsed / 1024 / 1024;
}
