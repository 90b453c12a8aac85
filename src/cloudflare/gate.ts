/**
 * Who reaches the object. There is one for all callers, so what anybody can send is answered before it: it is
 * asked by those whom the Worker knows, and only so often by others that it alone may know, being new.
 */

import type { Authenticate } from "../api-tokens/caller.ts";
import { isTokenText } from "../api-tokens/token-text.ts";
import type { Clock } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { callerCheck, presentedIn } from "../http/caller-check.ts";
import { DENIAL_RATE, type RateLimit, rateLimiter } from "../http/rate-limit.ts";
import type { OnEvent } from "../telemetry/events.ts";

/**
 * Of callers that only the object may know, all together: API tokens that were issued since the copy was read,
 * which is seconds ago. Whoever makes up tokens of that form takes 1 % of what an object bears.
 */
export const UNKNOWN_RATE: RateLimit = { perSecond: 10, burst: 50 };

/** `unknown`: the object may know the caller. `nobody`: it does not either. */
export type Standing = "known" | "unknown" | "nobody";

export interface Gate {
  /** @throws RateLimited where too many unknown callers have come */
  standingOf(request: Request, recognize: Authenticate): Promise<Standing>;
  /** Turns away a caller who is nobody. @throws KeyturnError `unauthenticated`, `rate_limited` */
  refuse(path: string): never;
}

export function gate({ monotonic }: Pick<Clock, "monotonic">, onEvent: OnEvent): Gate {
  const unknown = rateLimiter(UNKNOWN_RATE);
  const denials = rateLimiter(DENIAL_RATE);
  const check = callerCheck({ authenticate: async () => null, denials, monotonic, onEvent });

  return {
    async standingOf(request, recognize) {
      const presented = presentedIn(request.headers.get("Authorization") ?? undefined);
      if (presented === null) return "nobody";
      if ((await recognize(presented)) !== null) return "known";
      if (!(await isTokenText(presented))) return "nobody";
      unknown.take("all", monotonic());
      return "unknown";
    },
    refuse(path) {
      return check.telling(null, { path: areaOf(path), action: null }, () => {
        throw new KeyturnError("unauthenticated", "The request carries no valid API token.", {
          fix: "Send it as `Authorization: Bearer <token>`.",
        });
      });
    },
  };
}

/** As much of the path of a command as is ours, and not the caller's to choose. */
function areaOf(path: string): string {
  return path.split("/", 3).join("/");
}
