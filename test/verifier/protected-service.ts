/** A service that lets in who bears a valid token, and what it must answer, whatever it is made with. */
import { afterEach, beforeAll, expect, it } from "vitest";
import { createTestIssuer, movableClock, type TestIssuer } from "../../src/testing/index.ts";
import type { BearerOptions } from "../../src/verifier/bearer.ts";
import { createVerifier, type Verifier } from "../../src/verifier/index.ts";
import { type Answer, ask } from "../http/served.ts";

export const AUDIENCE = "orders";

export interface Service {
  readonly url: string;
  close(): Promise<void>;
}

/** Opens a service at a real socket: `/whoami` tells the token's `sub` and `kid`, `/broken` throws. Both are protected. */
export type OpenService = (verifier: Verifier, options?: BearerOptions) => Promise<Service>;

/** In the bodies of errors that reach the framework, so that a test sees that they did. */
export const BROKEN = "the route is broken";

export function verifierFor(issuer: TestIssuer): Verifier {
  const { issuer: name, jwksUrl, fetch, clock } = issuer;
  return createVerifier({ issuer: name, audience: AUDIENCE, jwksUrl, fetch, clock, random: () => 0.5 });
}

const opened: Service[] = [];

/** Closed when the test is over. */
export async function kept(service: Promise<Service>): Promise<Service> {
  opened.push(await service);
  return service;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((service) => service.close()));
});

export function expectRefusal(answer: Answer, status: number, code: string) {
  expect(answer.status).toBe(status);
  // Fastify says the charset as well, which changes nothing (RFC 8259 section 11).
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json(; charset=utf-8)?$/);
  expect(answer.headers["cache-control"]).toBe("no-store");
  const problem = JSON.parse(answer.body);
  expect(problem).toEqual({
    type: `urn:keyturn:problem:${code}`,
    title: { 400: "Bad Request", 401: "Unauthorized", 503: "Service Unavailable" }[status],
    status,
    code,
    detail: expect.stringMatching(/^[A-Z].*\.$/),
  });
  return problem as { readonly detail: string };
}

/** Runs of a token that are long enough to be of use to anyone, or to be recognised. */
export function expectNothingOf(token: string, answer: Answer): void {
  const told = JSON.stringify(answer.sent) + answer.body;
  for (let at = 0; at + 8 <= token.length; at++) expect(told).not.toContain(token.slice(at, at + 8));
}

/** The same for every framework. */
export function itProtects(open: OpenService): void {
  let issuer: TestIssuer;
  let verifier: Verifier;
  const claims = { sub: "user-1", aud: AUDIENCE };

  beforeAll(async () => {
    issuer = await createTestIssuer({ clock: movableClock(1_800_000_000) });
    verifier = verifierFor(issuer);
  });

  async function answerTo(authorization: string | string[] | undefined, path = "/whoami", options = {}) {
    const { url } = await kept(open(verifier, options));
    return ask(url, { path, headers: authorization === undefined ? {} : { Authorization: authorization } });
  }

  it("lets a good token in, with its claims", async () => {
    const { token, kid } = await issuer.sign(claims);
    const answer = await answerTo(`Bearer ${token}`);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({ sub: "user-1", kid });
  });

  it.each(["bearer", "BEARER", "bEaReR"])("knows the scheme as %s", async (scheme) => {
    const { token } = await issuer.sign(claims);
    expect((await answerTo(`${scheme} ${token}`)).status).toBe(200);
    expect((await answerTo(`${scheme}    ${token}  `)).status).toBe(200);
  });

  it.each([undefined, "", "Basic dXNlcjpwYXNz", "Bearerish x", "DPoP x", "Digest username=Bearer"])(
    "asks who sends %j for a token, and names no error",
    async (authorization) => {
      const answer = await answerTo(authorization);
      expectRefusal(answer, 401, "token_missing");
      expect(answer.headers["www-authenticate"]).toBe("Bearer");
    },
  );

  it.each(["Bearer", "Bearer a b", "Bearer a,b", "Bearer a, Bearer b", 'Bearer token="a", x'])(
    "cannot make sense of %j",
    async (authorization) => {
      const answer = await answerTo(authorization);
      const { detail } = expectRefusal(answer, 400, "request_malformed");
      expect(answer.headers["www-authenticate"]).toBe(
        `Bearer error="invalid_request", error_description="${detail}"`,
      );
    },
  );

  it("does not choose between two Authorization headers", async () => {
    const { token } = await issuer.sign(claims);
    const other = await issuer.forge.expired(claims);
    for (const values of [
      [`Bearer ${token}`, `Bearer ${other}`],
      [`Bearer ${other}`, `Bearer ${token}`],
      [`Bearer ${token}`, `Bearer ${token}`],
    ]) {
      expectRefusal(await answerTo(values), 400, "request_malformed");
    }
  });

  it.each([
    ["expired", "expired"],
    ["tampered", "signature_invalid"],
    ["otherKey", "signature_invalid"],
    ["unsigned", "alg_refused"],
    ["embeddedKey", "header_refused"],
    ["wrongAudience", "audience_refused"],
  ] as const)("refuses a token that is %s, and shows nothing of it", async (forgery, code) => {
    const token = await issuer.forge[forgery]({ ...claims, secret: "a-claim-that-nobody-must-see" });
    const answer = await answerTo(`Bearer ${token}`);
    const { detail } = expectRefusal(answer, 401, code);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer error="invalid_token", error_description="${detail}"`,
    );
    expectNothingOf(token, answer);
    expect(answer.body).not.toContain("nobody-must-see");
  });

  it("answers 503 and never 401 while there are no keys to judge by", async () => {
    const down = await createTestIssuer();
    const { token } = await down.sign(claims);
    down.fail({ status: 500, retryAfterSeconds: 17 });
    const { url } = await kept(open(verifierFor(down)));
    const headers = { authorization: `Bearer ${token}` };
    const answer = await ask(url, { path: "/whoami", headers });
    expectRefusal(answer, 503, "keys_not_loaded");
    expect(answer.headers["retry-after"]).toBe("17");
    expect(answer.headers["www-authenticate"]).toBeUndefined();
    expectNothingOf(token, answer);
    down.heal();
    down.clock.advance(17);
    expect((await ask(url, { path: "/whoami", headers })).status).toBe(200);
  });

  it("leaves an error of the route to the framework", async () => {
    const { token } = await issuer.sign(claims);
    const answer = await answerTo(`Bearer ${token}`, "/broken");
    expect(answer.status).toBe(500);
    expect(answer.body).toContain(BROKEN);
  });

  it("leaves an error that is none of the token's to the framework", async () => {
    const faulty: Verifier = { ...verifier, verify: () => Promise.reject(new Error(BROKEN)) };
    const { url } = await kept(open(faulty));
    const answer = await ask(url, { path: "/whoami", headers: { authorization: "Bearer a.b.c" } });
    expect(answer.status).toBe(500);
    expect(answer.body).toContain(BROKEN);
  });

  it("keeps the tokens of requests apart that are under way at once", async () => {
    const { url } = await kept(open(verifier));
    const subjects = Array.from({ length: 30 }, (_, index) => `user-${index}`);
    const answers = await Promise.all(
      subjects.map(async (sub) => {
        const { token } = await issuer.sign({ ...claims, sub });
        return ask(url, { path: "/whoami", headers: { authorization: `Bearer ${token}` } });
      }),
    );
    expect(answers.map(({ body }) => JSON.parse(body).sub)).toEqual(subjects);
  });

  it("quotes its realm, in every challenge", async () => {
    const realm = 'orders", error="x\\';
    const written = 'realm="orders\\", error=\\"x\\\\"';
    const missing = await answerTo(undefined, "/whoami", { realm });
    expect(missing.headers["www-authenticate"]).toBe(`Bearer ${written}`);
    const malformed = await answerTo("Bearer", "/whoami", { realm });
    expect(malformed.headers["www-authenticate"]).toMatch(/^Bearer .*, error="invalid_request", /);
    expect(malformed.headers["www-authenticate"]).toContain(written);
    const bad = await answerTo("Bearer x", "/whoami", { realm });
    expect(bad.headers["www-authenticate"]).toMatch(/^Bearer .*, error="invalid_token", /);
  });

  it.each(["two\r\nSet-Cookie: lines=1", "nul\0", "注文"])(
    "cannot be set up with a realm that no header can hold: %j",
    async (realm) => {
      await expect(kept(open(verifier, { realm }))).rejects.toMatchObject({ code: "config_invalid" });
    },
  );
}
