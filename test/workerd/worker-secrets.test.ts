/** Secrets of isolates: those that come with a deployment, and those that change without one. */
import { describe, expect, it } from "vitest";
import type { Secret } from "../../src/cloudflare/platform.ts";
import { bearerOf, type Deployment, deployment, type Isolate, JWKS, NO_CACHE } from "./worker-isolate.ts";
import { keepSecret, lines } from "./worker-lines.ts";

const LEASE_SECONDS = 120;

function given(): string {
  const text = btoa(crypto.randomUUID() + crypto.randomUUID()).replaceAll("=", "");
  keepSecret(text);
  return text;
}

const withApiToken = ({ environment }: Deployment, KEYTURN_API_TOKEN: Secret) => ({
  ...environment,
  KEYTURN_API_TOKEN,
});

async function isOpen(isolate: Isolate): Promise<void> {
  for (const path of [JWKS, "/.well-known/openid-configuration", "/livez", "/readyz"])
    expect([path, (await isolate.ask(path)).status]).toEqual([path, 200]);
}

describe("an isolate that the next deployment goes on with", () => {
  it("has that one's secrets and settings, and the former's no more", async () => {
    const place = await deployment();
    const [old, next] = [given(), given()];
    const before = place.isolate(undefined, withApiToken(place, old));
    expect((await before.sign(old)).status).toBe(200);
    const environment = { ...withApiToken(place, next), KEYTURN_ISSUER: "https://next.example.com" };
    const after = before.redeployed(environment);
    expect((await after.sign(old)).status).toBe(401);
    const { status, body } = await after.sign(next);
    expect(status).toBe(200);
    expect(JSON.parse(atob(body.token.split(".")[1]))).toMatchObject({ iss: "https://next.example.com" });
  });

  it("is told what is wrong with that one's settings", async () => {
    const place = await deployment();
    const before = place.isolate();
    await isOpen(before);
    const wrong = before.redeployed({ ...place.environment, ...{ KEYTURN_RING: "a b" } });
    expect((await wrong.ask(JWKS)).status).toBe(500);
    expect(lines().at(-1)).toMatchObject({ code: "config_invalid", ring: "" });
    await isOpen(before);
  });
});

describe("a token in the Secrets Store", () => {
  it.each(["KEYTURN_API_TOKEN", "KEYTURN_ADMIN_TOKEN"])(
    "counts as %s within a lease, and the former no more",
    async (name) => {
      const place = await deployment();
      const [old, next] = [given(), given()];
      let stored = old;
      const isolate = place.isolate(undefined, { ...place.environment, [name]: { get: async () => stored } });
      // Known callers may not do what they ask for, or do: nobody is 401.
      const isKnown = async (token: string) => (await isolate.sign(token)).status !== 401;
      expect(await isKnown(old)).toBe(true);
      stored = next;
      place.clock.advance(LEASE_SECONDS + 1);
      expect([await isKnown(old), await isKnown(next)]).toEqual([false, true]);
    },
  );

  it("is the one read last while the Secrets Store cannot be read, which is asked once a second", async () => {
    const place = await deployment();
    const token = given();
    let asked = 0;
    let fails = false;
    const get = async () => {
      asked += 1;
      if (fails) throw new Error("not today");
      return token;
    };
    const isolate = place.isolate(undefined, withApiToken(place, { get }));
    expect((await isolate.sign(token)).status).toBe(200);
    fails = true;
    place.clock.advance(LEASE_SECONDS + 1);
    for (let time = 0; time < 5; time++) expect((await isolate.sign(token)).status).toBe(200);
    expect(asked).toBe(2);
    place.clock.advance(1);
    await isolate.sign(token);
    expect(asked).toBe(3);
  });

  it("is read again where it could not be read at first", async () => {
    const place = await deployment();
    const token = given();
    let fails = true;
    const get = async () => {
      if (fails) throw new Error("not today");
      return token;
    };
    const isolate = place.isolate(undefined, withApiToken(place, { get }));
    expect(await isolate.sign(token)).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
    fails = false;
    expect((await isolate.sign(token)).status).toBe(200);
  });
});

describe("a token that cannot be used", () => {
  it.each<[string, Secret]>([
    ["is too short", "short"],
    ["never comes", { get: () => new Promise(() => undefined) }],
  ])("takes away nothing that is open to everybody, when it %s", async (_, secret) => {
    const place = await deployment();
    await isOpen(place.isolate(NO_CACHE, withApiToken(place, secret)));
  });

  it("is told in the log when somebody comes to sign, and keeps out nobody whom the book knows", async () => {
    const place = await deployment();
    const { token } = (await place.isolate().command("/v1/api-tokens", { name: "a", role: "signer" })).body;
    const isolate = place.isolate(undefined, withApiToken(place, "short"));
    expect(await isolate.sign(given())).toMatchObject({ status: 500, body: { code: "api_token_invalid" } });
    expect(lines().at(-1)).toMatchObject({ level: "error", code: "api_token_invalid" });
    expect((await isolate.sign(token)).status).toBe(200);
    expect((await isolate.ask("/v1/api-tokens/self", { headers: bearerOf("x") })).status).toBe(500);
  });
});

describe("where a secret is bound, the copy of the ring", () => {
  it("is made anew when it is older than the lease, and tells whom it has seen", async () => {
    const place = await deployment();
    let asked = 0;
    const kek = String(place.environment.KEYTURN_KEK);
    const get = async () => {
      asked += 1;
      return kek;
    };
    const isolate = place.isolate(NO_CACHE, { ...place.environment, KEYTURN_KEK: { get } });
    const { token } = (await isolate.command("/v1/api-tokens", { name: "a", role: "signer" })).body;
    await isolate.sign(token);
    place.clock.advance(LEASE_SECONDS);
    await isolate.sign();
    expect(asked).toBe(1);
    await isolate.sign(token);
    place.clock.advance(1);
    const seen = () => place.asked.filter((what) => what === "seen").length;
    const before = seen();
    expect((await isolate.sign(token)).status).toBe(200);
    expect([asked, seen()]).toEqual([2, before + 1]);
  });
});
