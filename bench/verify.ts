/**
 * A whole verification, from a string off the wire to claims that can be believed, beside the bare
 * check of the signature that is in it and beside its peers.
 */
import { type KeyObject, verify } from "node:crypto";
import { promisify } from "node:util";
import { type CommonOptions, createVerifier, type Verifier } from "../dist/verifier/index.js";
import { concurrent, interleave, type Rate, repeated } from "./interleave.ts";
import { type Issuer, openIssuer } from "./issuer.ts";
import { type Alg, CLAIMS, ISSUER } from "./peers.ts";
import type { Comparison, Figure, Group } from "./report.ts";
import { aws, fastJwt, hono, jose, jsonWebToken, type Verification } from "./verify-peers.ts";

interface Pace {
  readonly rounds: number;
  readonly warmUpMilliseconds: number;
  /** Different tokens, of which caches hold no more than a fifth. */
  readonly tokens: number;
  /** Tokens that are shown again and again. */
  readonly sessions: number;
}

const THOROUGH: Pace = { rounds: 41, warmUpMilliseconds: 300, tokens: 10_000, sessions: 1000 };
const QUICK: Pace = { rounds: 1, warmUpMilliseconds: 10, tokens: 250, sessions: 50 };

/** What a verification must reach of the bare check's rate, where no token is seen twice. */
const UNIQUE_TARGETS: Readonly<Record<Alg, number>> = { ES256: 0.9, EdDSA: 0.92, RS256: 0.76 };
/** The same, where every token has been seen before. */
const REPEAT_TARGETS: Readonly<Partial<Record<Alg, number>>> = { ES256: 100 };

const WORKERS = 16;

const ALGS = Object.keys(UNIQUE_TARGETS) as Alg[];

export const verifyGroups: readonly Group[] = [
  ...ALGS.map((alg) => group("verify-unique", alg, unique)),
  ...ALGS.map((alg) => group("verify-repeat", alg, repeat)),
  ...ALGS.map((alg) => group("verify-concurrent", alg, atOnce)),
];

/** What the case `keyturn` of a group, and others of ours, must reach. */
type Targets = Readonly<Record<string, Pick<Figure, "target" | "beside">>>;

interface Measured {
  readonly rates: readonly Rate[];
  readonly targets: Targets;
}

function group(name: string, alg: Alg, measure: (issuer: Issuer, pace: Pace) => Promise<Measured>): Group {
  return {
    name: `${name}/${alg}`,
    async run({ quick }) {
      const issuer = await openIssuer(alg);
      try {
        const { rates, targets } = await measure(issuer, quick ? QUICK : THOROUGH);
        return rates.map(({ name: contender, opsPerSecond, ratio }) => ({
          group: `${name}/${alg}`,
          case: contender,
          opsPerSecond,
          ratio,
          ...targets[contender],
        }));
      } finally {
        issuer.close();
      }
    },
  };
}

async function unique(issuer: Issuer, pace: Pace): Promise<Measured> {
  const cache = pace.tokens / 5;
  const plain = await warm(issuer, { tokenCache: false });
  const caching = await warm(issuer, { tokenCache: { maxEntries: cache } });
  const { alg } = issuer;
  const verifications: Verification[] = [
    { name: "keyturn", verify: (token) => plain.verifySync(token) },
    { name: "keyturn, cache on", verify: (token) => caching.verifySync(token) },
    { name: "keyturn await", verify: (token) => plain.verify(token) },
    jose(issuer),
    fastJwt("fast-jwt", issuer),
    fastJwt("fast-jwt, cache", issuer, { cache }),
    aws(issuer),
    // It has no EdDSA.
    ...(alg === "EdDSA" ? [] : [jsonWebToken({ ...issuer, alg })]),
    hono(issuer),
  ];
  const rates = await compare(issuer, verifications, await signed(issuer, pace.tokens), pace);
  if (caching.stats().cached > 0) throw new Error("A token that should have been new was in the cache");
  return {
    rates,
    targets: {
      keyturn: { target: UNIQUE_TARGETS[alg], beside: [{ case: "jose" }, { case: "fast-jwt" }] },
      "keyturn, cache on": { beside: [{ case: "keyturn", atLeast: 0.95 }] },
    },
  };
}

async function repeat(issuer: Issuer, pace: Pace): Promise<Measured> {
  const ours = await warm(issuer);
  const verifications: Verification[] = [
    { name: "keyturn", verify: (token) => ours.verifySync(token) },
    { name: "keyturn await", verify: (token) => ours.verify(token) },
    jose(issuer),
    fastJwt("fast-jwt, cache", issuer, { cache: true }),
    fastJwt("fast-jwt, cache by identity", issuer, { cache: true, cacheKeyBuilder: (token) => token }),
    aws(issuer),
  ];
  const tokens = await signed(issuer, pace.sessions);
  // Each once, so that caches hold all of them before anything is counted.
  for (const { verify } of verifications) for (const token of tokens) await verify(token.toString("latin1"));
  const rates = await compare(issuer, verifications, tokens, pace);
  const beside: Comparison[] = [
    { case: "jose" },
    { case: "fast-jwt, cache", atLeast: 7 },
    { case: "fast-jwt, cache by identity", atLeast: 1 },
  ];
  const target = REPEAT_TARGETS[issuer.alg];
  return { rates, targets: { keyturn: { beside, ...(target === undefined ? {} : { target }) } } };
}

/** Many at once, on the cores that the thread pool finds idle. */
async function atOnce(issuer: Issuer, pace: Pace): Promise<Measured> {
  const ours = await warm(issuer, { tokenCache: false });
  const verifications = [{ name: "keyturn", verify: (token: string) => ours.verify(token) }, jose(issuer)];
  for (const verification of verifications) await assertVerifies(issuer, verification);

  const tokens = await signed(issuer, pace.tokens);
  const raw = rawCheck(issuer, tokens);
  const operations = [
    { name: "raw", operation: raw.atOnce },
    ...verifications.map(({ name, verify }) => ({ name, operation: cycled(tokens, verify) })),
  ];
  const contenders = [];
  for (const { name, operation } of operations)
    contenders.push(await concurrent(name, operation, WORKERS, pace.warmUpMilliseconds));
  const rates = await interleave(contenders, pace.rounds);
  return { rates, targets: { keyturn: { beside: [{ case: "jose", atLeast: 1 }] } } };
}

async function compare(
  issuer: Issuer,
  verifications: readonly Verification[],
  tokens: readonly Buffer[],
  { rounds, warmUpMilliseconds }: Pace,
): Promise<Rate[]> {
  for (const verification of verifications) await assertVerifies(issuer, verification);
  const contenders = [await repeated("raw", rawCheck(issuer, tokens).once, warmUpMilliseconds)];
  for (const { name, verify } of verifications) {
    contenders.push(await repeated(name, cycled(tokens, verify), warmUpMilliseconds));
  }
  return interleave(contenders, rounds);
}

async function warm({ jwksUrl }: Issuer, options: CommonOptions = {}): Promise<Verifier> {
  const verifier = createVerifier({ issuer: ISSUER, audience: CLAIMS.aud, jwksUrl, ...options });
  const { status } = await verifier.warm();
  if (status !== "ok") throw new Error(`The verifier's keys are ${status}`);
  return verifier;
}

async function signed(issuer: Issuer, count: number): Promise<Buffer[]> {
  const tokens: Buffer[] = [];
  for (let made = 0; made < count; made++) tokens.push(Buffer.from(await issuer.sign(), "latin1"));
  return tokens;
}

/** Takes the next token each time, as a new string, which is how an HTTP parser hands it over. */
function cycled<T>(tokens: readonly Buffer[], verify: (token: string) => T): () => T {
  let next = 0;
  return () => {
    const token = tokens[next] as Buffer;
    next = (next + 1) % tokens.length;
    return verify(token.toString("latin1"));
  };
}

/** The signatures alone, cut out in advance: node:crypto at its fastest, with a bare KeyObject and DER. */
function rawCheck({ alg, publicKey }: Issuer, tokens: readonly Buffer[]) {
  const digest = alg === "EdDSA" ? null : "sha256";
  const parts = tokens.map((token) => {
    const end = token.lastIndexOf(".");
    const signature = Buffer.from(token.toString("latin1", end + 1), "base64url");
    return { input: token.subarray(0, end), signature: alg === "ES256" ? der(signature) : signature };
  });
  const verifyAtOnce = promisify<string | null, Buffer, KeyObject, Buffer, boolean>(verify);
  let next = 0;
  function part() {
    const taken = parts[next] as (typeof parts)[number];
    next = (next + 1) % parts.length;
    return taken;
  }
  return {
    once() {
      const { input, signature } = part();
      if (!verify(digest, input, publicKey, signature)) throw new Error("raw: a good signature was refused");
    },
    async atOnce() {
      const { input, signature } = part();
      if (!(await verifyAtOnce(digest, input, publicKey, signature)))
        throw new Error("raw: a good signature was refused");
    },
  };
}

/** `SEQUENCE { INTEGER r, INTEGER s }` (X.690) of r and s with 32 bytes each. */
function der(signature: Buffer): Buffer {
  const content = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}

function integer(bytes: Buffer): Buffer {
  const digits = BigInt(`0x${bytes.toString("hex")}`).toString(16);
  const magnitude = Buffer.from(digits.length % 2 === 1 ? `0${digits}` : digits, "hex");
  // A first bit that is set would make it negative.
  const sign = (magnitude[0] as number) > 0x7f ? [0] : [];
  return Buffer.from([0x02, magnitude.length + sign.length, ...sign, ...magnitude]);
}

/** Nobody gets ahead by leaving something out. */
async function assertVerifies(issuer: Issuer, { name, verify }: Verification): Promise<void> {
  const good = await issuer.sign();
  const at = good.lastIndexOf(".") + 20;
  const forged = good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
  const forOthers = await issuer.sign("billing");
  if (!(await accepts(verify, good))) throw new Error(`${name} refuses a good token`);
  if (await accepts(verify, forged)) throw new Error(`${name} accepts a forged signature`);
  if (await accepts(verify, forOthers)) throw new Error(`${name} accepts a token for another audience`);
}

async function accepts(verify: Verification["verify"], token: string): Promise<boolean> {
  try {
    await verify(token);
    return true;
  } catch {
    return false;
  }
}
