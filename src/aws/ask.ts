/** One request to a service of AWS, and the credentials before it. */
import { withinSeconds } from "../deadline.ts";
import type { Failure, Telling } from "./refusals.ts";

/** A client of the SDK, and what finds its credentials. */
export interface Asking {
  readonly client: { readonly config: { readonly credentials: () => Promise<unknown> } };
}

export type Send<Aws, T> = (aws: Aws, options: { readonly abortSignal: AbortSignal }) => Promise<T>;

export type Outcome<T> = { readonly answer: T } | { readonly failure: Failure };

/** How a request is told that has failed, and one that was never made. */
export type AskTelling<Call> = Pick<Telling<Call>, "failureOf" | "noCredentials">;

/**
 * Credentials may come from another service of AWS, which answers with the same names of errors: what it says
 * must not be taken for what this one says. So they are there before anything is sent.
 */
export async function ask<Aws extends Asking, Call, T>(
  aws: Aws,
  { failureOf, noCredentials }: AskTelling<Call>,
  { call, seconds }: { readonly call: Call; readonly seconds: number },
  send: Send<Aws, T>,
): Promise<Outcome<T>> {
  let isSent = false;
  try {
    const answer = await withinSeconds(seconds, async (abortSignal) => {
      await aws.client.config.credentials();
      abortSignal.throwIfAborted();
      isSent = true;
      return send(aws, { abortSignal });
    });
    return { answer };
  } catch (error) {
    return { failure: isSent ? failureOf(error, call) : noCredentials(error, call) };
  }
}
