/** Requests of one isolate that meet at a verifier. Each ends on its own, and none waits for what another took with it. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { authenticate } from "../../src/verifier/fetch.ts";
import { jwks, KEY, NEXT_KEY, tokenOf, warmScene } from "../verifier/scripted-issuer.ts";
import { bearing, tell, tokenFor } from "./verifier-auth.ts";

let verifier: string;
let token: string;

beforeEach(async () => {
  await tell("anew");
  token = await tokenFor("orders");
  verifier = `https://orders.example.com/${crypto.randomUUID()}`;
});

type Route = "careful" | "careless";

async function ask(route: Route, signal: AbortSignal | null = null): Promise<number | "gone"> {
  const answer = await env.ROUTES.fetch(`${verifier}/${route}`, bearing(token, signal)).catch(() => null);
  await answer?.text();
  return answer?.status ?? "gone";
}

function many(count: number, route: Route): Promise<(number | "gone")[]> {
  return Promise.all(Array.from({ length: count }, () => ask(route)));
}

async function health(advanceSeconds = 0): Promise<unknown> {
  const answer = await env.ROUTES.fetch(`${verifier}/advance`, { method: "POST", body: `${advanceSeconds}` });
  return answer.json();
}

const asked = () => tell("asked");
/** The issuer has the request, so whoever sent it waits for the answer. */
const untilAsked = (times: number) => vi.waitFor(async () => expect(await asked()).toBe(times));

describe.each<Route>(["careful", "careless"])("without keys, %s", (route) => {
  it("fifty requests at once are all let in, by one request to the issuer", async () => {
    await tell("wait", "300");
    expect(await many(50, route)).toEqual(Array(50).fill(200));
    expect(await asked()).toBe(1);
  });

  it("fifty requests to an issuer that hangs all get 503 when the one request has had its time", async () => {
    await tell("hang");
    expect(await many(50, route)).toEqual(Array(50).fill(503));
    expect(await asked()).toBe(1);
  });
});

describe("a first request whose client goes away while the issuer hangs", () => {
  it("takes its fetch with it: the others see no sign of that, and are let in by a second one", async () => {
    await tell("hang");
    const client = new AbortController();
    const first = ask("careless", client.signal);
    await untilAsked(1);
    const others = many(50, "careless");
    await tell("wait", "0");
    client.abort();
    expect(await first).toBe("gone");
    expect(await others).toEqual(Array(50).fill(200));
    expect(await asked()).toBe(2);
  });

  it("leaves its fetch to the others where the verifier knows the context", async () => {
    await tell("wait", "500");
    const client = new AbortController();
    const first = ask("careful", client.signal);
    await untilAsked(1);
    const others = many(50, "careful");
    client.abort();
    expect(await first).toBe("gone");
    expect(await others).toEqual(Array(50).fill(200));
    expect(await asked()).toBe(1);
  });

  it("holds up nobody for longer when it happens again", async () => {
    await tell("hang");
    for (let time = 1; time <= 3; time++) {
      const client = new AbortController();
      const first = ask("careless", client.signal);
      await untilAsked(time);
      client.abort();
      expect(await first).toBe("gone");
      if (time === 3) await tell("wait", "0");
      if (time < 3) await health(5);
    }
    expect(await many(10, "careless")).toEqual(Array(10).fill(200));
    expect(await asked()).toBe(4);
  });
});

describe("keys that are due", () => {
  it("are renewed after the answer is given", async () => {
    await ask("careful");
    expect(await health(560)).toMatchObject({ ageSeconds: 560 });
    await tell("wait", "300");
    expect(await ask("careful")).toBe(200);
    await vi.waitFor(async () => expect(await health()).toMatchObject({ ageSeconds: 0, failures: 0 }));
    expect(await asked()).toBe(2);
  });

  it("are something that the context is told to wait for", async () => {
    const { verifier, issuer, clock } = await warmScene();
    const held: NonNullable<typeof issuer.held> = [];
    issuer.held = held;
    clock.advance(560);
    const context = createExecutionContext();
    const { jwt } = await authenticate(
      verifier,
      new Request("https://orders.example.com/", bearing(tokenOf(KEY))),
      {
        context,
      },
    );
    expect(jwt?.kid).toBe(KEY.kid);
    setTimeout(() => held[0]?.answer(jwks([NEXT_KEY])), 50);
    await waitOnExecutionContext(context);
    expect(verifier.health().issuers[0]?.kids).toEqual([NEXT_KEY.kid]);
  });
});
