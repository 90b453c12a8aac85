/** Liveness and readiness, both answered from memory. */
import { Hono } from "hono";
import type { ApiTokens } from "../api-tokens/api-tokens.ts";
import { KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import { problemResponse } from "./problem.ts";

const NO_STORE = { "Cache-Control": "no-store" };

export function healthRoutes(manager: KeyManager, apiTokens?: Pick<ApiTokens, "status">): Hono {
  const routes = new Hono();
  routes.get("/livez", (c) => c.json({ live: true }, 200, NO_STORE));
  routes.get("/readyz", (c) => {
    const { canSign, generation, overdueSince, blocked, policyMatches, leaseAgeSeconds } = manager.status();
    if (!canSign) return problemResponse(stale());
    if (apiTokens?.status().canAuthenticate === false) return problemResponse(nobodyKnown());
    // A stopped schedule is for an operator to see; it is no reason to take a working signer away.
    return c.json(
      { ready: true, generation, leaseAgeSeconds, overdueSince, blocked, policyMatches },
      200,
      NO_STORE,
    );
  });
  return routes;
}

function stale(): KeyturnError {
  return new KeyturnError("ring_stale", "The ring has not been read for longer than the lease.", {
    fix: "Check the store.",
  });
}

function nobodyKnown(): KeyturnError {
  return new KeyturnError(
    "store_unavailable",
    "The API tokens have not been read for longer than the lease, so no caller can be told from another.",
    {
      fix: "Check the store; the log says why they cannot be read.",
    },
  );
}
