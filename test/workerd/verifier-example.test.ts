/** examples/protected-worker, as it is, against an issuer that is a Worker too, through a service binding. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { bearing, tell, tokenFor } from "./verifier-auth.ts";

const URL = "https://orders.example.com/";

beforeAll(async () => {
  await tell("anew");
});

async function answerTo(token: string): Promise<unknown> {
  const answer = await env.ORDERS.fetch(URL, bearing(token));
  return answer.ok ? answer.json() : answer.status;
}

describe("the example", () => {
  it("lets in who bears a good token, and knows who it is", async () => {
    expect(await answerTo(await tokenFor("orders"))).toEqual({ hello: "user-1" });
  });

  it("challenges who bears none, or one that was meant for others", async () => {
    const bare = await env.ORDERS.fetch(URL);
    expect([bare.status, bare.headers.get("WWW-Authenticate")]).toEqual([401, "Bearer"]);
    const other = await env.ORDERS.fetch(URL, bearing(await tokenFor("billing")));
    expect([other.status, await other.json()]).toMatchObject([401, { code: "audience_refused" }]);
  });

  it("refuses no honest token while the issuer turns over, twice", async () => {
    const tokens = [await tokenFor("orders")];
    for (let turnover = 0; turnover < 2; turnover++) {
      for (const token of tokens) expect(await answerTo(token)).toEqual({ hello: "user-1" });
      await tell("rotate");
      tokens.push(await tokenFor("orders"));
    }
    for (const token of tokens) expect(await answerTo(token)).toEqual({ hello: "user-1" });
    const kids = tokens.map((token) => JSON.parse(atob(token.split(".")[0] ?? "")).kid);
    expect(new Set(kids).size).toBe(3);
  });

  it("goes on while the issuer is down", async () => {
    await tell("down");
    expect(await answerTo(await tokenFor("orders"))).toEqual({ hello: "user-1" });
  });
});
