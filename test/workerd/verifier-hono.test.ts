/** The middleware for Hono, as a Worker calls it: with an execution context. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { Hono } from "hono";
import { expect, it } from "vitest";
import { jwtAuth } from "../../src/verifier/hono.ts";
import { jwks, KEY, NEXT_KEY, STRANGER, tokenOf, warmScene } from "../verifier/scripted-issuer.ts";
import { bearing } from "./verifier-auth.ts";

const URL = "https://orders.example.com/";

it("lets in whom it should, and gives the refresh to the context", async () => {
  const { verifier, issuer, clock } = await warmScene();
  const app = new Hono().use(jwtAuth(verifier)).get("/", (c) => c.text("let in"));
  const answer = async (token: string) => {
    const context = createExecutionContext();
    const request = new Request(URL, bearing(token));
    return {
      context,
      response: await app.fetch(
        request,
        {},
        { props: {}, passThroughOnException() {}, waitUntil: (work) => context.waitUntil(work) },
      ),
    };
  };
  expect((await answer(tokenOf({ ...STRANGER, kid: KEY.kid }))).response.status).toBe(401);
  const held: NonNullable<typeof issuer.held> = [];
  issuer.held = held;
  clock.advance(560);
  const { context, response } = await answer(tokenOf(KEY));
  expect(await response.text()).toBe("let in");
  setTimeout(() => held[0]?.answer(jwks([NEXT_KEY])), 50);
  await waitOnExecutionContext(context);
  expect(verifier.health().issuers[0]?.kids).toEqual([NEXT_KEY.kid]);
});
