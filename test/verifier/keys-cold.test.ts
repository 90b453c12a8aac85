/** Before the first JWKS is there. */
import { describe, expect, it } from "vitest";
import { CHECKS_AT_ONCE } from "./sample-issuer.ts";
import { HTML, jwks, KEY, OUTAGE, scene, settled, tokenOf } from "./scripted-issuer.ts";

describe("a verifier that has no keys yet", () => {
  it("asks for nothing until it is used", async () => {
    const { verifier, issuer } = scene();
    verifier.health();
    verifier.stats();
    verifier.revoke("other");
    await settled();
    expect(issuer.requests).toHaveLength(0);
  });

  it("fetches once for fifty tokens at once", async () => {
    const { verdict, fetches } = scene();
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdict()));
    expect(new Set(verdicts)).toEqual(new Set(["accepted"]));
    expect(fetches()).toBe(1);
  });

  it("answers with 503 to all who waited when the endpoint is down, after one request", async () => {
    const { verdict, fetches, told } = scene({}, OUTAGE);
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdict()));
    expect(new Set(verdicts)).toEqual(new Set(["keys_not_loaded"]));
    expect(fetches()).toBe(1);
    expect(told()).toEqual(["jwks_failed"]);
  });

  it("is unavailable, which is no fault of the token, and says when to come again", async () => {
    const { verifier, clock } = scene({}, OUTAGE);
    const refusal = { code: "jwks_unavailable", reason: "keys_not_loaded", status: 503 };
    await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject({ ...refusal, retryAfterSeconds: 1 });
    for (const seconds of [1, 2, 4]) {
      clock.advance(seconds);
      await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject(refusal);
    }
    // The fourth failure: 8 s, jittered to 6.
    await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject({ retryAfterSeconds: 6 });
    clock.advance(2);
    await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject({ retryAfterSeconds: 4 });
  });

  it("does not ask during the back-off, and works as soon as the endpoint does", async () => {
    const { verdict, issuer, clock, fetches } = scene({}, HTML);
    await verdict();
    issuer.reply = jwks([KEY]);
    fetches();
    expect(await verdict()).toBe("keys_not_loaded");
    expect(fetches()).toBe(0);
    clock.advance(0.75);
    expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it("refuses bad tokens without asking", async () => {
    const { verdict, fetches } = scene();
    expect(await verdict("a.b")).toBe("token_malformed");
    expect(await verdict(`${Buffer.from('{"alg":"HS256"}').toString("base64url")}.e30.e30`)).toBe(
      "alg_refused",
    );
    expect(fetches()).toBe(0);
  });

  it("takes a fetch function that answers with nothing for one that fails", async () => {
    const { verdict } = scene({}, () => null as unknown as Response);
    expect(await verdict()).toBe("keys_not_loaded");
  });

  it("is made ready by warm, which tells how it went and never rejects", async () => {
    const { verifier, issuer, clock, verdictSync, fetches } = scene({}, OUTAGE);
    expect(await verifier.warm()).toMatchObject({ status: "down", issuers: [{ lastFailure: "network" }] });
    issuer.reply = jwks([KEY]);
    clock.advance(1);
    expect(await verifier.warm()).toMatchObject({ status: "ok", issuers: [{ kids: ["key-1"] }] });
    if (CHECKS_AT_ONCE) expect(verdictSync()).toBe("accepted");
    fetches();
    await verifier.warm();
    expect(fetches()).toBe(0);
  });
});

describe.runIf(CHECKS_AT_ONCE)("verifySync", () => {
  it("is not ready while cold, has the keys fetched, and then works", async () => {
    const { verdictSync, fetches } = scene();
    expect(verdictSync()).toBe("keys_not_ready");
    expect(verdictSync()).toBe("keys_not_ready");
    await settled();
    expect(verdictSync()).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it("is not ready past the freshness until asking has ended, and then works", async () => {
    const { verifier, verdictSync, clock, fetches } = scene();
    await verifier.warm();
    fetches();
    clock.advance(600);
    expect(verdictSync()).toBe("keys_not_ready");
    await settled();
    expect(verdictSync()).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it("uses stale keys once asking has failed", async () => {
    const { verifier, issuer, verdictSync, clock } = scene();
    await verifier.warm();
    issuer.reply = OUTAGE;
    clock.advance(600);
    expect(verdictSync()).toBe("keys_not_ready");
    await settled();
    expect(verdictSync()).toBe("accepted");
  });
});
