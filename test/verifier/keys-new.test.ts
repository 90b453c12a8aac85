/** A key that the issuer has begun to use before the verifier has heard of it. */
import { describe, expect, it } from "vitest";
import { CHECKS_AT_ONCE } from "./sample-issuer.ts";
import {
  jwks,
  KEY,
  NEXT_KEY,
  OUTAGE,
  STRANGER,
  scene,
  settled,
  tokenOf,
  warmScene,
} from "./scripted-issuer.ts";

describe("a new key", () => {
  it("is fetched by its first token, which is then accepted", async () => {
    const { verdict, issuer, fetches } = await warmScene();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it("is fetched once for many of its tokens at once", async () => {
    const { verdict, issuer, fetches } = await warmScene();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdict(tokenOf(NEXT_KEY))));
    expect(new Set(verdicts)).toEqual(new Set(["accepted"]));
    expect(fetches()).toBe(1);
  });

  it("does not make tokens of the other keys wait", async () => {
    const { verdict, verdictSync, issuer } = await warmScene();
    issuer.held = [];
    const waiting = verdict(tokenOf(NEXT_KEY));
    await settled();
    for (let time = 0; time < 5; time++) expect(await verdict()).toBe("accepted");
    if (CHECKS_AT_ONCE) expect(verdictSync()).toBe("accepted");
    issuer.held[0]?.answer(jwks([KEY, NEXT_KEY]));
    expect(await waiting).toBe("accepted");
  });

  it("is found by the refresh that is under way, at no cost of its own", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    issuer.held = [];
    clock.advance(480);
    await verdict();
    const waiting = verdict(tokenOf(NEXT_KEY));
    await settled();
    issuer.held[0]?.answer(jwks([KEY, NEXT_KEY]));
    expect(await waiting).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it.runIf(CHECKS_AT_ONCE)("is found by verifySync in the background", async () => {
    const { verdictSync, issuer, fetches } = await warmScene();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    expect(verdictSync(tokenOf(NEXT_KEY))).toBe("keys_not_ready");
    await settled();
    expect(verdictSync(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it.runIf(CHECKS_AT_ONCE)(
    "is not called unknown by verifySync while the request for it is under way",
    async () => {
      const { verdictSync, issuer, fetches } = await warmScene();
      issuer.held = [];
      for (let time = 0; time < 5; time++) expect(verdictSync(tokenOf(NEXT_KEY))).toBe("keys_not_ready");
      await settled();
      expect(fetches()).toBe(1);
      issuer.held[0]?.answer(jwks([KEY, NEXT_KEY]));
      await settled();
      expect(verdictSync(tokenOf(NEXT_KEY))).toBe("accepted");
    },
  );

  it("leaves the budget alone where verifySync joins a request that is under way", async () => {
    const { verdict, verdictSync, issuer, clock, fetches } = await warmScene();
    issuer.held = [];
    clock.advance(480);
    await verdict();
    for (let time = 0; time < 5; time++) verdictSync(tokenOf({ ...STRANGER, kid: `random-${time}` }));
    await settled();
    issuer.held[0]?.answer(jwks([KEY]));
    issuer.held = null;
    await settled();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(fetches()).toBe(2);
  });

  it("that never comes is asked for twice at most by a token that has to have the keys fetched first", async () => {
    const cold = scene();
    const idle = await warmScene();
    idle.clock.advance(600);
    for (const { verdict, fetches } of [cold, idle]) {
      expect(await verdict(tokenOf(NEXT_KEY))).toBe("kid_unknown");
      expect(fetches()).toBeLessThanOrEqual(2);
      expect(await verdict(tokenOf(NEXT_KEY))).toBe("kid_unknown");
      expect(fetches()).toBe(0);
    }
  });

  it("is not called unknown where asking for it failed", async () => {
    const { verdict, verdictSync, issuer, fetches } = await warmScene();
    issuer.reply = OUTAGE;
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("keys_expired");
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("keys_expired");
    expect(verdictSync(tokenOf(NEXT_KEY))).toBe("keys_expired");
    expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it("is asked for by the next token where the keys came before it", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    clock.advance(600);
    await verdict();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(fetches()).toBe(2);
  });
});
