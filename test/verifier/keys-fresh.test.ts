/** How long a JWKS is used without asking, and how it is asked for again. */
import { describe, expect, it } from "vitest";
import { CHECKS_AT_ONCE } from "./sample-issuer.ts";
import { answers, jwks, KEY, NEXT_KEY, scene, settled, tokenOf, warmScene } from "./scripted-issuer.ts";

/** With `random` at 0.5 the refresh is due at exactly four fifths. */
const DUE = 480;

describe("fresh keys", () => {
  it("are used without a request", async () => {
    const { verdict, clock, fetches } = await warmScene();
    for (const seconds of [0, 100, 200, 179]) {
      clock.advance(seconds);
      expect(await verdict()).toBe("accepted");
    }
    await settled();
    expect(fetches()).toBe(0);
  });

  it("are asked for ahead of their end, once, while tokens go on without waiting", async () => {
    const { verdict, verdictSync, issuer, clock, fetches } = await warmScene();
    issuer.held = [];
    clock.advance(DUE);
    for (let time = 0; time < 10; time++) expect(await verdict()).toBe("accepted");
    if (CHECKS_AT_ONCE) expect(verdictSync()).toBe("accepted");
    expect(fetches()).toBe(1);
    issuer.held[0]?.answer(jwks([KEY]));
    await settled();
    clock.advance(DUE - 1);
    expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(0);
  });

  it.each([
    [0, 420],
    [0.25, 450],
    [0.75, 510],
    [0.999_999, 540],
  ])("with chance %d are due at %d of 600 seconds", async (chance, due) => {
    const { verdict, clock, fetches } = await warmScene({ random: () => chance });
    clock.advance(due - 1);
    await verdict();
    await settled();
    expect(fetches()).toBe(0);
    clock.advance(2);
    await verdict();
    await settled();
    expect(fetches()).toBe(1);
  });

  it("are replaced by what the background request brought", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    clock.advance(DUE);
    await verdict();
    await settled();
    fetches();
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(fetches()).toBe(0);
  });
});

describe("for how long", () => {
  it.each([
    ["max-age", { "Cache-Control": "public, max-age=1000" }, 1000],
    ["no header", {}, 600],
    ["a longer max-age than is granted", { "Cache-Control": "max-age=86400" }, 3600],
    ["a shorter max-age than is granted", { "Cache-Control": "max-age=1" }, 60],
    ["a max-age below zero", { "Cache-Control": "max-age=-1" }, 60],
    ["max-age=0", { "Cache-Control": "max-age=0" }, 60],
    ["no-store", { "Cache-Control": "no-store, max-age=1000" }, 60],
    ["no-cache", { "Cache-Control": "max-age=1000, no-cache" }, 60],
    ["Age", { "Cache-Control": "max-age=1000", Age: "300" }, 700],
    ["more Age than max-age", { "Cache-Control": "max-age=1000", Age: "5000" }, 60],
    ["more Age than the default", { Age: "100" }, 500],
    ["an Age that came twice", { Age: "100, 200" }, 500],
    ["an Age that is none", { "Cache-Control": "max-age=1000", Age: "-5" }, 1000],
    ["another directive that ends alike", { "Cache-Control": "s-max-age=9, x-no-store" }, 600],
    ["a max-age in quotes and capitals", { "Cache-Control": 'MAX-AGE="900"' }, 900],
    ["a max-age that is no number", { "Cache-Control": "max-age=soon" }, 600],
    ["a number beyond all", { "Cache-Control": "max-age=99999999999999999999" }, 3600],
  ])("%s", async (_, headers, freshSeconds) => {
    const { verifier, events } = scene({ minFreshSeconds: 60 }, jwks([KEY], { headers }));
    const { issuers } = await verifier.warm();
    expect(events).toContainEqual(expect.objectContaining({ type: "jwks_fetched", freshSeconds }));
    expect(issuers[0]?.usableSeconds).toBe(freshSeconds + 3600);
  });

  it("is counted from before the request, so that a slow answer is not kept longer", async () => {
    const { verifier, issuer, clock, fetches, verdict } = scene();
    issuer.held = [];
    const warming = verifier.warm();
    await settled();
    clock.advance(2);
    issuer.held[0]?.answer(jwks([KEY]));
    await warming;
    fetches();
    expect(verifier.health().issuers[0]?.ageSeconds).toBe(2);
    issuer.held = null;
    clock.advance(DUE - 2);
    await verdict();
    expect(fetches()).toBe(1);
  });
});

describe("ETag", () => {
  const headers = { ETag: '"one"', "Cache-Control": "max-age=600" };

  it("is sent back, and 304 renews the keys", async () => {
    const { verdict, issuer, clock, events, fetches, verifier } = await warmScene(
      {},
      jwks([KEY], { headers }),
    );
    expect(issuer.requests[0]?.has("If-None-Match")).toBe(false);
    clock.advance(DUE);
    await verdict();
    await settled();
    expect(issuer.requests[1]?.get("If-None-Match")).toBe('"one"');
    expect(events.at(-1)).toMatchObject({ type: "jwks_fetched", unchanged: true, keys: 1 });
    fetches();
    clock.advance(DUE - 1);
    expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(0);
    expect(verifier.stats().fetches).toEqual({ set: 1, unchanged: 1 });
  });

  it("follows the set that is held", async () => {
    const { verdict, issuer, clock } = await warmScene({}, jwks([KEY], { headers }));
    issuer.reply = jwks([KEY, NEXT_KEY], { headers: { ETag: 'W/"two"' } });
    clock.advance(DUE);
    await verdict();
    await settled();
    clock.advance(DUE);
    await verdict();
    expect(issuer.requests.at(-1)?.get("If-None-Match")).toBe('W/"two"');
  });

  it("is left out after a failure, which it may have caused, and sent again after a success", async () => {
    const { verdict, issuer, clock } = await warmScene({}, jwks([KEY], { headers }));
    issuer.reply = () => new Response("<html>", { headers: { ETag: '"bad"' } });
    clock.advance(DUE);
    await verdict();
    await settled();
    issuer.reply = jwks([KEY], { headers });
    clock.advance(1);
    await verdict();
    await settled();
    clock.advance(DUE);
    await verdict();
    await settled();
    expect(issuer.requests.map((request) => request.get("If-None-Match"))).toEqual([
      null,
      '"one"',
      null,
      '"one"',
    ]);
  });

  it("leaves the freshness as it was where the 304 says nothing about it", async () => {
    const { verdict, issuer, clock, events } = await warmScene(
      {},
      jwks([KEY], { headers: { ...headers, "Cache-Control": "max-age=1000" } }),
    );
    issuer.reply = answers(304);
    clock.advance(800);
    await verdict();
    await settled();
    expect(events.at(-1)).toMatchObject({ unchanged: true, freshSeconds: 1000 });
  });

  it("takes the new freshness from the 304 itself", async () => {
    const { verdict, issuer, clock, events } = await warmScene({}, jwks([KEY], { headers }));
    issuer.reply = answers(304, { "Cache-Control": "max-age=100" });
    clock.advance(DUE);
    await verdict();
    await settled();
    expect(events.at(-1)).toMatchObject({ unchanged: true, freshSeconds: 100 });
  });

  it("makes a 304 to who has not asked for one a failure", async () => {
    const cold = scene({}, answers(304));
    expect(await cold.verdict()).toBe("keys_not_loaded");
    expect(cold.events.at(-1)).toMatchObject({ because: "status", status: 304 });

    const warm = await warmScene();
    warm.issuer.reply = answers(304);
    warm.clock.advance(600);
    expect(await warm.verdict()).toBe("accepted");
    expect(warm.told()).toEqual(["jwks_failed", "stale_keys_used"]);
  });
});
