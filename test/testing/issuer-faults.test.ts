import { describe, expect, it } from "vitest";
import { createTestIssuer, LIES, type Lie, movableClock } from "../../src/testing/index.ts";
import { AUDIENCE, failuresOf, watchingVerifier } from "./watching-verifier.ts";

const claims = { sub: "user-1", aud: AUDIENCE };

/** An issuer that has turned over once, so that there is an older set, and an honest token of it. */
async function opened() {
  const issuer = await createTestIssuer({ clock: movableClock(1_800_000_000) });
  await issuer.rotate();
  const { token } = await issuer.sign(claims);
  return { issuer, token };
}

describe("an issuer that fails", () => {
  it.each([
    { how: { status: 503, retryAfterSeconds: 10 }, because: "status", status: 503, retrySeconds: 10 },
    { how: { status: 500 }, because: "status", status: 500, retrySeconds: 0.75 },
    { how: { status: 404 }, because: "status", status: 404, retrySeconds: 0.75 },
    { how: "network" as const, because: "network", status: null, retrySeconds: 0.75 },
  ])("is seen to, as $because $status", async ({ how, ...seen }) => {
    const { issuer, token } = await opened();
    const verifier = watchingVerifier(issuer);
    issuer.fail(how);
    expect(await verifier.verdict(token)).toBe("keys_not_loaded");
    expect(verifier.events).toEqual([{ type: "jwks_failed", issuer: issuer.issuer, ...seen }]);
    issuer.heal();
    issuer.clock.advance(seen.retrySeconds);
    expect(await verifier.verdict(token)).toBe("accepted");
  });

  it("is borne by a verifier that has its keys, for as long as that wants to", async () => {
    const { issuer } = await opened();
    const verifier = watchingVerifier(issuer, { maxStaleSeconds: 600 });
    await verifier.warm();
    issuer.fail({ status: 502 });
    const verdicts: string[] = [];
    // The issuer's own clock and schedule go on: it is only out of reach.
    await issuer.pass(1500, {
      meanwhile: async () => verdicts.push(await verifier.verdict((await issuer.sign(claims)).token)),
    });
    const acceptedUntil = verdicts.lastIndexOf("accepted");
    expect(new Set(verdicts.slice(0, acceptedUntil))).toEqual(new Set(["accepted"]));
    expect(new Set(verdicts.slice(acceptedUntil + 1))).toEqual(new Set(["keys_expired"]));
    expect(30 * (acceptedUntil + 2)).toBeGreaterThanOrEqual(530 + 600);
    expect(30 * (acceptedUntil + 1)).toBeLessThan(530 + 600);
  });

  it("fails with the discovery document too, and takes no status that is none", async () => {
    const { issuer } = await opened();
    issuer.fail({ status: 503 });
    expect((await issuer.fetch(`${issuer.issuer}/.well-known/openid-configuration`)).status).toBe(503);
    for (const status of [200, 304, 600, 503.5, Number.NaN])
      expect(() => issuer.fail({ status })).toThrow(/from 400 to 599/);
  });
});

describe("an issuer that stalls", () => {
  it("is given up by a verifier at its deadline", async () => {
    const { issuer, token } = await opened();
    const verifier = watchingVerifier(issuer, { fetchSeconds: 0.02 });
    issuer.stall();
    expect(await verifier.verdict(token)).toBe("keys_not_loaded");
    expect(failuresOf(verifier)).toEqual(["timeout"]);
    expect(issuer.requests.at(-1)).toMatchObject({ status: null });
  });

  it("answers once it is healed, also who has waited", async () => {
    const { issuer } = await opened();
    issuer.stall();
    const waiting = [issuer.fetch(issuer.jwksUrl), issuer.fetch(issuer.jwksUrl)];
    expect(issuer.requests).toMatchObject([{ status: null }, { status: null }]);
    issuer.heal();
    for (const response of await Promise.all(waiting)) expect(response.status).toBe(200);
    expect(issuer.requests).toMatchObject([{ status: 200 }, { status: 200 }]);
  });

  it("may fail those who have waited", async () => {
    const { issuer } = await opened();
    issuer.stall();
    const waiting = issuer.fetch(issuer.jwksUrl);
    issuer.fail({ status: 504 });
    expect((await waiting).status).toBe(504);
  });

  it("lets go of who aborts", async () => {
    const { issuer } = await opened();
    issuer.stall();
    const abort = new AbortController();
    const waiting = issuer.fetch(new Request(issuer.jwksUrl, { signal: abort.signal }));
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("an issuer that lies to who knows nothing", () => {
  const seen: Readonly<Record<Lie, { verdict: string; failures: readonly string[] }>> = {
    html: { verdict: "keys_not_loaded", failures: ["not_a_jwks"] },
    // It is as good as any, to who has seen no newer one: the emitter was published before.
    older_set: { verdict: "accepted", failures: [] },
    redirect: { verdict: "keys_not_loaded", failures: ["redirect"] },
    endless_body: { verdict: "keys_not_loaded", failures: ["too_large"] },
    private_key: { verdict: "kid_unknown", failures: [] },
    truncated: { verdict: "keys_not_loaded", failures: ["not_a_jwks"] },
    empty_set: { verdict: "kid_unknown", failures: [] },
    not_modified: { verdict: "keys_not_loaded", failures: ["status"] },
  };

  it.each(LIES)("%s is taken for what it is, and forgotten when it is healed", async (lie) => {
    const { issuer, token } = await opened();
    const verifier = watchingVerifier(issuer);
    issuer.lie(lie);
    expect(await verifier.verdict(token)).toBe(seen[lie].verdict);
    expect(failuresOf(verifier)).toEqual(seen[lie].failures);
    issuer.heal();
    issuer.clock.advance(700);
    await verifier.warm();
    expect(await verifier.verdict((await issuer.sign(claims)).token)).toBe("accepted");
  });
});

describe("an issuer that lies to who holds its keys", () => {
  const seen: Readonly<Record<Lie, { verdict: string; failures: readonly string[] }>> = {
    html: { verdict: "accepted", failures: ["not_a_jwks"] },
    older_set: { verdict: "accepted", failures: ["older_set"] },
    redirect: { verdict: "accepted", failures: ["redirect"] },
    endless_body: { verdict: "accepted", failures: ["too_large"] },
    private_key: { verdict: "kid_unknown", failures: [] },
    truncated: { verdict: "accepted", failures: ["not_a_jwks"] },
    empty_set: { verdict: "kid_unknown", failures: [] },
    not_modified: { verdict: "accepted", failures: [] },
  };

  it.each(LIES)("%s shakes its keys only where it is an answer of the issuer's", async (lie) => {
    const { issuer, token } = await opened();
    const verifier = watchingVerifier(issuer);
    await verifier.warm();
    issuer.clock.advance(600);
    issuer.lie(lie);
    await verifier.warm();
    expect(await verifier.verdict(token)).toBe(seen[lie].verdict);
    expect(failuresOf(verifier)).toEqual(seen[lie].failures);
    // It was a lie to who asked whether anything had changed.
    expect(issuer.requests[1]?.ifNoneMatch).toMatch(/^"/);
  });

  it("private_key is told of at once, as the kid that must go", async () => {
    const { issuer } = await opened();
    const verifier = watchingVerifier(issuer);
    issuer.lie("private_key");
    await verifier.warm();
    const told = { type: "private_key_published", kid: issuer.kid, issuer: issuer.issuer };
    expect(verifier.events).toContainEqual(told);
  });

  it("older_set does not bring a revoked key back", async () => {
    const { issuer, token } = await opened();
    await issuer.revoke();
    const verifier = watchingVerifier(issuer);
    await verifier.warm();
    expect(await verifier.verdict(token)).toBe("kid_unknown");
    issuer.lie("older_set");
    issuer.clock.advance(600);
    await verifier.warm();
    // Stale keys cannot tell that it is revoked; they do not accept it either.
    expect(await verifier.verdict(token)).toBe("keys_expired");
    expect(failuresOf(verifier)).toContain("older_set");
  });

  it("not_modified hides a revocation from who believes it", async () => {
    const { issuer, token } = await opened();
    const verifier = watchingVerifier(issuer);
    await verifier.warm();
    await issuer.revoke();
    issuer.lie("not_modified");
    issuer.clock.advance(600);
    await verifier.warm();
    expect(await verifier.verdict(token)).toBe("accepted");
    issuer.heal();
    issuer.clock.advance(700);
    await verifier.warm();
    expect(await verifier.verdict(token)).not.toBe("accepted");
  });

  it("older_set needs one", async () => {
    const issuer = await createTestIssuer();
    expect(() => issuer.lie("older_set")).toThrow(/rotate or revoke first/);
  });

  it("leaves discovery alone", async () => {
    const { issuer } = await opened();
    issuer.lie("html");
    const response = await issuer.fetch(`${issuer.issuer}/.well-known/openid-configuration`);
    expect(await response.json()).toMatchObject({ jwks_uri: issuer.jwksUrl });
  });
});

describe("an endless body", () => {
  it("ends for who aborts, and leaves the event loop to others", async () => {
    const { issuer } = await opened();
    issuer.lie("endless_body");
    const abort = new AbortController();
    const { body } = await issuer.fetch(issuer.jwksUrl, { signal: abort.signal });
    const reader = body?.getReader();
    for (let chunk = 0; chunk < 5; chunk++) expect((await reader?.read())?.done).toBe(false);
    abort.abort(new Error("enough"));
    const read = async () => {
      for (;;) if ((await reader?.read())?.done) return;
    };
    await expect(read()).rejects.toThrow("enough");
  });
});
