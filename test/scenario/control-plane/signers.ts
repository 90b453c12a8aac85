/** Two services that have tokens signed without pause, and verify each: one through keyturn/client, one by plain requests. */
import type { Client } from "../../../src/client/index.ts";
import type { SignedToken } from "../../../src/client/signed-token.ts";
import { type Claims, isVerifyError, type Verifier } from "../../../src/verifier/index.ts";
import type { Answers } from "./answers.ts";
import { type GivenToken, post } from "./plane.ts";

export const AUDIENCE = "orders";

/** What became of the tokens of one service. */
export interface Books {
  /** Signed and verified, by kid. */
  readonly verified: Readonly<Record<string, number>>;
  /** Of tokens that did not verify, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Of calls that got no token, by code. */
  readonly unsigned: Readonly<Record<string, number>>;
}

export interface Signer {
  /** Fetches the successor of its API token, and goes on with that. */
  turnOver(): Promise<void>;
  books(): Books;
  /** Resolves when all that was asked for is signed and verified. */
  stop(): Promise<void>;
}

type Sign = (claims: Claims) => Promise<SignedToken>;

/** Calls of one turn, which travel together. */
const BATCH = 25;

/** So that answers are on their way while others are verified. */
const TURNS_AT_ONCE = 4;

/** Each waits for its answer before it asks again. */
const PLAIN_AT_ONCE = 4;

export function startClientSigner(client: Client, verifier: Verifier): Signer {
  const batches = signing((claims) => client.sign(claims), verifier, TURNS_AT_ONCE, BATCH);
  return {
    ...batches,
    turnOver: () => client.rotateNow(),
    async stop() {
      await batches.stop();
      await client.close();
    },
  };
}

/** Presents its latest API token and the one before in turn: while both are good, either is accepted. */
export function startPlainSigner(
  url: string,
  given: GivenToken,
  answers: Answers,
  verifier: Verifier,
): Signer {
  let [latest, before] = [given, given];
  let turn = 0;

  async function sign(claims: Claims): Promise<SignedToken> {
    const { token } = turn++ % 2 === 0 ? latest : before;
    const answer = await post(`${url}/v1/tokens`, token, { claims }, answers.fetch);
    return (await bodyOf(answer)) as SignedToken;
  }

  async function turnOver(): Promise<void> {
    const { id, token } = latest;
    const answer = await post(`${url}/v1/api-tokens/${id}/rotate`, token, {}, answers.fetch);
    const successor = (await bodyOf(answer)) as { token: string; apiToken: { id: string } };
    [latest, before] = [{ id: successor.apiToken.id, token: successor.token }, latest];
  }

  return { ...signing(sign, verifier, PLAIN_AT_ONCE, 1), turnOver };
}

function signing(sign: Sign, verifier: Verifier, turnsAtOnce: number, callsOfATurn: number) {
  const books = { verified: {}, rejected: {}, unsigned: {} } satisfies Record<keyof Books, object>;
  let stopped = false;
  let calls = 0;

  async function signAndVerify(): Promise<void> {
    const sub = `user-${calls++}`;
    const signed = await sign({ sub, aud: AUDIENCE }).catch((error: unknown) => {
      count(books.unsigned, reasonOf(error));
      return null;
    });
    if (signed === null) return;
    try {
      const { claims, kid } = await verifier.verify(signed.token);
      if (claims.sub === sub) count(books.verified, `${kid}`);
      else count(books.rejected, "another's token");
    } catch (error) {
      count(books.rejected, isVerifyError(error) ? error.reason : reasonOf(error));
    }
  }

  async function turns(): Promise<void> {
    while (!stopped) await Promise.all(Array.from({ length: callsOfATurn }, signAndVerify));
  }

  const running = Promise.all(Array.from({ length: turnsAtOnce }, turns));
  return {
    books: () => books,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

async function bodyOf(answer: Response): Promise<unknown> {
  const body = (await answer.json()) as { code?: string };
  if (!answer.ok) throw Object.assign(new Error("refused"), { code: body.code });
  return body;
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

function reasonOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? error);
}
