/** Liveness and readiness, both answered from memory. */
import { Hono } from "hono";
import { KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import { problemResponse } from "./problem.ts";

const NO_STORE = { "Cache-Control": "no-store" };

export function healthRoutes(manager: KeyManager): Hono {
  const routes = new Hono();
  routes.get("/livez", (c) => c.json({ live: true }, 200, NO_STORE));
  routes.get("/readyz", (c) => {
    const { canSign, generation, overdueSince, blocked, policyMatches, leaseAgeSeconds } = manager.status();
    if (!canSign) return problemResponse(stale());
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
