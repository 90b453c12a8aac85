/** A service that signs through keyturn/client without pause, and keeps count of what becomes of its calls. */
import { setTimeout as delay } from "node:timers/promises";
import {
  type Client,
  type ClientEvent,
  type ClientOptions,
  createClient,
} from "../../../src/client/index.ts";
import { type Answers, createAnswers } from "./answers.ts";

export interface Unceasing {
  readonly client: Client;
  readonly answers: Answers;
  /** Types of events, each once. */
  told(): readonly ClientEvent["type"][];
  signed(): number;
  /** Calls that got no token, by code. */
  failed(): Readonly<Record<string, number>>;
  /** Resolves when more has been signed; rejects when that takes longer. */
  signsAgain(withinSeconds: number): Promise<void>;
  /** Resolves when every call has been answered. */
  stop(): Promise<void>;
}

/** More than there are requests at once, so that some wait and travel together. */
const CALLS_AT_ONCE = 20;

/** Hundreds of calls a second, and time for what else is under test. */
const REST_MILLISECONDS = 20;

export function startUnceasing(options: Pick<ClientOptions, "url" | "tokenStore" | "apiToken">): Unceasing {
  const answers = createAnswers();
  const told = new Set<ClientEvent["type"]>();
  const failed: Record<string, number> = {};
  const onEvent = ({ type }: ClientEvent) => void told.add(type);
  const client = createClient({ ...options, fetch: answers.fetch, onEvent } as ClientOptions);
  let signed = 0;
  let stopped = false;

  async function calls(): Promise<void> {
    while (!stopped) {
      await client.sign({ sub: "user" }).then(
        () => signed++,
        ({ code }: { readonly code: string }) => {
          failed[code] = (failed[code] ?? 0) + 1;
        },
      );
      await delay(REST_MILLISECONDS);
    }
  }
  const running = Promise.all(Array.from({ length: CALLS_AT_ONCE }, calls));

  return {
    client,
    answers,
    told: () => [...told],
    signed: () => signed,
    failed: () => failed,
    async signsAgain(withinSeconds) {
      const before = signed;
      for (let waited = 0; signed === before; waited += REST_MILLISECONDS) {
        if (waited > withinSeconds * 1000) throw new Error(`nothing signed for ${withinSeconds} s`);
        await delay(REST_MILLISECONDS);
      }
    },
    async stop() {
      stopped = true;
      await running;
      await client.close();
    },
  };
}
