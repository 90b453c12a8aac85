/** One request to the service, and nothing that could go wrong with it: it never rejects. */
import { isRedirect, leaveUnread, readAtMost, retryAfterSeconds } from "../answer.ts";
import type { Clock } from "../clock.ts";
import { isTimeout, withinSeconds } from "../deadline.ts";
import type { KeyturnError } from "../errors.ts";
import { codeIn, refusalOf } from "./refusal.ts";

/** Why a request that was in order got no answer. Stable. */
export type ServiceFailure =
  | "timeout"
  | "network" // no connection, or it broke
  | "redirect" // the API token goes nowhere else
  | "busy" // 429
  | "status" // 5xx, 408, 425
  | "too_large"
  | "not_understood"; // not JSON, or not of the expected form

export interface ServiceRequest<T> {
  readonly method: "GET" | "POST";
  /** Below the service's URL. */
  readonly path: string;
  /** JSON. */
  readonly body?: string;
  /** What the answer means; null where it is not of that form. @param servedAt by the service's clock, null where not told */
  readonly read: (body: unknown, servedAt: number | null) => T | null;
}

export type ServiceAnswer<T> =
  | { readonly kind: "done"; readonly value: T }
  /** It would be refused again. */
  | { readonly kind: "refused"; readonly status: number; readonly error: KeyturnError }
  /** It may go well another time. */
  | {
      readonly kind: "failed";
      readonly because: ServiceFailure;
      readonly status: number | null;
      /** Of the problem document (RFC 9457). */
      readonly code: string | null;
      readonly retryAfterSeconds: number | null;
    };

/** @param seconds for everything, to the last byte */
export type Service = <T>(
  request: ServiceRequest<T>,
  apiToken: string,
  seconds: number,
) => Promise<ServiceAnswer<T>>;

/** A hundred tokens, each with the largest claims, in base64url. */
const ANSWER_BYTES_MAX = 2 * 1024 * 1024;

/** 408 and 425 ask for the same again (RFC 9110 section 15.5.9, RFC 8470 section 5.2). */
const ASKED_AGAIN: readonly number[] = [408, 425];

export function httpService(url: string, fetcher: typeof fetch | null, clock: Clock): Service {
  async function exchange<T>(
    { method, path, body, read }: ServiceRequest<T>,
    apiToken: string,
    signal: AbortSignal,
  ): Promise<ServiceAnswer<T>> {
    const headers = {
      Accept: "application/json",
      Authorization: `Bearer ${apiToken}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    };
    // Redirects not "error", which Workers do not have.
    const init: RequestInit = { method, headers, redirect: "manual", signal };
    if (body !== undefined) init.body = body;
    const response = await (fetcher ?? fetch)(`${url}${path}`, init);
    if (isRedirect(response)) {
      leaveUnread(response);
      return failed("redirect", response.status);
    }
    const bytes = await readAtMost(response, ANSWER_BYTES_MAX);
    if (bytes === null) return failed("too_large", response.status);
    return answerOf(response, jsonOf(bytes), apiToken, read);
  }

  function answerOf<T>(
    { ok, status, headers }: Response,
    body: unknown,
    apiToken: string,
    read: ServiceRequest<T>["read"],
  ): ServiceAnswer<T> {
    if (ok) {
      const value = read(body, instantOf(headers));
      return value === null ? failed("not_understood", status) : { kind: "done", value };
    }
    const later = retryAfterSeconds(headers, clock.now());
    if (status === 429) return failed("busy", status, codeIn(body), later);
    if (status >= 400 && status < 500 && !ASKED_AGAIN.includes(status))
      return { kind: "refused", status, error: refusalOf(status, body, apiToken) };
    return failed("status", status, codeIn(body), later);
  }

  return async (request, apiToken, seconds) => {
    try {
      return await withinSeconds(seconds, (signal) => exchange(request, apiToken, signal));
    } catch (error) {
      return failed(isTimeout(error) ? "timeout" : "network");
    }
  };
}

/** Undefined where it is none. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Epoch seconds of the answer (RFC 9110 section 6.6.1). To pages of other sites browsers do not show it. */
function instantOf(headers: Headers): number | null {
  const date = Date.parse(headers.get("Date") ?? "");
  return Number.isNaN(date) ? null : date / 1000;
}

function failed(
  because: ServiceFailure,
  status: number | null = null,
  code: string | null = null,
  later: number | null = null,
): ServiceAnswer<never> {
  return { kind: "failed", because, status, code, retryAfterSeconds: later };
}
