/** The client against keyturn's own server, while keys and API tokens turn over. */
import { expect, it } from "vitest";
import { type ApiTokens, createApiTokens } from "../../src/api-tokens/api-tokens.ts";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import { parseKek } from "../../src/keys/kek.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { createVerifier } from "../../src/verifier/index.ts";
import { type Issuer, openIssuer } from "../http/served.ts";
import { ISSUER, KEK, pass, SHORT, settle } from "../manager/fleet.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import { manualTimer } from "./manual-timer.ts";
import { comesTo, isKnown, openClient, place, type ServedClient } from "./service-world.ts";

interface RealWorld {
  readonly clock: ManualClock;
  readonly issuer: Issuer;
  readonly url: string;
  readonly apiTokens: ApiTokens;
  /** Every second: the node ticks, the client's timer fires. */
  second(client: ServedClient): Promise<void>;
  open(token: string): ServedClient;
}

/** The server's Date is the machine's, not the manual clock's; pages of other sites do not see it either. */
const dateless: typeof fetch = async (...asked) => {
  const response = await fetch(...asked);
  const headers = new Headers(response.headers);
  headers.delete("Date");
  return new Response(response.body, { status: response.status, headers });
};

async function openRealWorld(): Promise<RealWorld> {
  const clock = manualClock();
  const timer = manualTimer(clock);
  const keks = [await parseKek(KEK)] as const;
  const apiTokens = await createApiTokens({ store: memoryStore(), ring: "ring", keks, clock });
  const options = { authenticate: apiTokens.authenticate, apiTokens };
  const issuer = await openIssuer({ policy: SHORT, clock }, options);
  await settle(issuer);
  const url = await issuer.listen();
  return {
    clock,
    issuer,
    url,
    apiTokens,
    async second(client) {
      await pass(issuer, 1);
      await settle(issuer);
      await apiTokens.refresh();
      timer.advance(0);
      await comesTo(() => timer.set() === 1 && client.health().waiting === 0);
    },
    open: (token) => openClient({ clock, timer, url }, { fetch: dateless, tokenStore: place(token) }),
  };
}

it("is refused nothing, and nothing that it gets is, while the ring and its API token turn over", async () => {
  const { clock, issuer, url, apiTokens, second, open } = await openRealWorld();
  const { token } = await apiTokens.issue({
    name: "orders",
    role: "signer",
    expiresInSeconds: 60,
    by: "test",
  });
  const client = open(token);
  const verifier = createVerifier({
    issuer: ISSUER,
    audience: "orders",
    jwksUrl: `${url}${JWKS_PATH}`,
    fetch: dateless,
    clock,
    leewaySeconds: 0,
    minFreshSeconds: 1,
  });
  await client.sign({ sub: "first" });
  await isKnown(client);
  const kids = new Set<string>();
  for (let passed = 0; passed < 200; passed++) {
    await second(client);
    const signed = await Promise.all(
      ["1", "2", "3"].map((sub) => client.sign({ sub, aud: "orders" }, { expiresInSeconds: 5 })),
    );
    for (const [index, { token: jwt, kid, expiresAt }] of signed.entries()) {
      kids.add(kid);
      expect(expiresAt).toBe(clock.now() + 5);
      expect((await verifier.verify(jwt)).claims.sub).toBe(`${index + 1}`);
    }
  }
  expect(kids.size).toBeGreaterThanOrEqual(5);
  expect(issuer.told.filter(({ type }) => type === "request_denied")).toEqual([]);
  expect(client.events.filter(({ type }) => type === "api_token_renewed").length).toBeGreaterThanOrEqual(4);
  expect(new Set(client.events.map(({ type }) => type))).toEqual(new Set(["api_token_renewed"]));
});

it("tells each of a batch what the service says about it", async () => {
  const { issuer, apiTokens, open } = await openRealWorld();
  const scope = { audiences: ["orders"], claims: null };
  const { token } = await apiTokens.issue({ name: "orders", role: "signer", scope, by: "test" });
  const client = open(token);
  const outcomes = await Promise.allSettled([
    client.sign({ sub: "1", aud: "orders" }),
    client.sign({ sub: "2", aud: "payments" }),
    client.sign({ sub: "3", aud: "orders", iss: "https://elsewhere.example" }),
    client.sign({ sub: "4", aud: "orders" }, { expiresInSeconds: 6 }),
    client.sign({ sub: "5", aud: "orders", pad: "x".repeat(9000) }),
    client.sign({ sub: "6", aud: "orders" }),
  ]);
  expect(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? "signed" : outcome.reason.code)),
  ).toEqual([
    "signed",
    "scope_exceeded",
    "claims_invalid",
    "lifetime_too_long",
    "claims_too_large",
    "signed",
  ]);
  expect(issuer.told.filter(({ type }) => type === "request_denied").length).toBeLessThanOrEqual(2);
});

it("is told so where its API token may not sign", async () => {
  const { apiTokens, open } = await openRealWorld();
  const { token } = await apiTokens.issue({ name: "cron", role: "scheduler", by: "test" });
  const client = open(token);
  await expect(client.sign({})).rejects.toMatchObject({ code: "forbidden" });
  await client.rotateNow();
  expect(apiTokens.list().length).toBe(2);
});

it("takes up a token that an operator has rotated, and one that was revoked is nobody's", async () => {
  const { apiTokens, open, clock } = await openRealWorld();
  const { token, view } = await apiTokens.issue({ name: "orders", role: "signer", by: "test" });
  const client = open(token);
  await client.sign({});
  await isKnown(client);
  await client.rotateNow();
  await apiTokens.revoke(view.id, { reason: "It leaked.", by: "test" });
  expect(await client.sign({})).toMatchObject({ kid: expect.any(String) });
  const successor = client.health().apiToken?.id as string;
  await apiTokens.revoke(successor, { reason: "So did this.", by: "test" });
  await expect(client.sign({})).rejects.toMatchObject({ code: "unauthenticated" });
  clock.advance(60);
  await expect(client.sign({})).rejects.toMatchObject({ code: "unauthenticated" });
});
