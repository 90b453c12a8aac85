/**
 * Who calls, and whether they may. The author of a request is known by its API token alone and by no other
 * header; a request that is turned away is told of, with nothing in it that the caller wrote.
 */
import type { Context } from "hono";
import type { Authenticate, Caller } from "../api-tokens/caller.ts";
import { type Action, mayDo } from "../api-tokens/role.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { OnEvent } from "../telemetry/events.ts";
import type { RateLimiter } from "./rate-limit.ts";

/** What is asked for: the route's pattern, and what one must be allowed to do. */
export interface Asked {
  readonly path: string;
  /** Null: any good API token will do. */
  readonly action: Action | null;
}

export interface CallerCheck {
  /** @throws KeyturnError `token_in_query`, `unauthenticated`, `forbidden`, `rate_limited` */
  admit(c: Context, asked: Asked): Promise<Caller>;
  /** @throws KeyturnError `forbidden` */
  require(caller: Caller, asked: Asked): void;
  /** Runs `work`, and tells when it turns the caller away. */
  telling<T>(caller: Caller | null, asked: Asked, work: () => T): T;
}

/** The scheme in any case, spaces, one token (RFC 6750 section 2.1). Two headers arrive here as a list, and fail. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** Parameters by which others take tokens (RFC 6750 section 2.3 and custom); URLs stand in logs and histories. */
const QUERY_TOKEN = /^(access_?token|api_?token|token|api_?key|key|bearer|authorization)$/i;

const DENIALS = ["token_in_query", "unauthenticated", "forbidden", "scope_exceeded", "cross_origin"] as const;

/** All who come without a good API token share one bucket: nothing else about them can be believed. */
const STRANGERS = "strangers";

export function callerCheck(options: {
  readonly authenticate: Authenticate;
  readonly denials: RateLimiter;
  readonly monotonic: () => number;
  readonly onEvent: OnEvent;
}): CallerCheck {
  const { authenticate, denials, monotonic, onEvent } = options;

  function told(error: unknown, caller: Caller | null, { action, path }: Asked): unknown {
    if (!isKeyturnError(error, ...DENIALS)) return error;
    try {
      denials.take(caller?.id ?? STRANGERS, monotonic());
    } catch (limited) {
      return limited;
    }
    onEvent({
      type: "request_denied",
      action: action ?? "read-self",
      caller: caller?.id ?? null,
      code: error.code,
      path,
    });
    return error;
  }

  function telling<T>(caller: Caller | null, asked: Asked, work: () => T): T {
    const orTold = (error: unknown): never => {
      throw told(error, caller, asked);
    };
    try {
      const done = work();
      return done instanceof Promise ? (done.catch(orTold) as T) : done;
    } catch (error) {
      return orTold(error);
    }
  }

  async function identify(c: Context): Promise<Caller> {
    if (c.req.url.includes("?") && Object.entries(c.req.queries()).some(isToken)) throw inQuery();
    const presented = presentedIn(c.req.header("Authorization"));
    const caller = presented === null ? null : await authenticate(presented);
    if (caller !== null) return caller;
    throw new KeyturnError("unauthenticated", "The request carries no valid API token.", {
      fix: "Send it as `Authorization: Bearer <token>`.",
    });
  }

  function require(caller: Caller, asked: Asked): void {
    const { action } = asked;
    if (action === null || mayDo(caller.role, action)) return;
    telling(caller, asked, () => {
      throw new KeyturnError("forbidden", `The role ${caller.role} may not do this: ${action}.`, {
        fix: "Use an API token of another role; `keyturn api-token issue` makes one.",
      });
    });
  }

  return {
    async admit(c, asked) {
      const caller = await telling(null, asked, () => identify(c));
      require(caller, asked);
      return caller;
    },
    require,
    telling,
  };
}

/** The token of an `Authorization` header; null where it bears none. */
export function presentedIn(authorization: string | undefined): string | null {
  return BEARER.exec(authorization ?? "")?.[1] ?? null;
}

/** The caller as the audit names it. */
export function actorOf({ name, id }: Caller): string {
  return `${name} (${id})`;
}

function isToken([name, values]: [string, readonly string[]]): boolean {
  return QUERY_TOKEN.test(name) || values.some((value) => value.startsWith("keyturn_"));
}

function inQuery(): KeyturnError {
  return new KeyturnError("token_in_query", "The URL carries what looks like an API token.", {
    fix: "Send it as `Authorization: Bearer <token>`, and revoke the one that stood in the URL.",
  });
}
