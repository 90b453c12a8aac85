/** Kids that no key has: a real new one is found, and a flood of false ones costs next to nothing. */
import { describe, expect, it } from "vitest";
import { unknownKids } from "../../src/verifier/unknown-kids.ts";
import { sampleKey } from "./sample-issuer.ts";
import {
  jwks,
  KEY,
  live,
  NEXT_KEY,
  OUTAGE,
  STRANGER,
  scene,
  settled,
  tokenOf,
  warmScene,
} from "./scripted-issuer.ts";

/** Signed by nobody whom the issuer knows, under a kid that was never seen. */
let forged = 0;
const forgedToken = (claims = {}) => tokenOf({ ...STRANGER, kid: `random-${forged++}` }, claims);

describe("a thousand random kids", () => {
  it.each([
    [
      "one after the other",
      async (verdict: () => Promise<string>) => {
        const verdicts: string[] = [];
        for (let time = 0; time < 1000; time++) verdicts.push(await verdict());
        return verdicts;
      },
    ],
    [
      "at once",
      (verdict: () => Promise<string>) => Promise.all(Array.from({ length: 1000 }, () => verdict())),
    ],
  ])("%s cost two requests, then one in thirty seconds", async (_, many) => {
    const { verdict, clock, fetches } = await warmScene();
    expect(new Set(await many(() => verdict(forgedToken())))).toEqual(new Set(["kid_unknown"]));
    expect(fetches()).toBe(2);
    clock.advance(29);
    await many(() => verdict(forgedToken()));
    expect(fetches()).toBe(0);
    clock.advance(1);
    await many(() => verdict(forgedToken()));
    expect(fetches()).toBe(1);
    clock.advance(300);
    await many(() => verdict(forgedToken()));
    expect(fetches()).toBe(2);
  });

  it("by verifySync cost no more", async () => {
    const { verdictSync, fetches } = await warmScene();
    for (let time = 0; time < 1000; time++) {
      verdictSync(forgedToken());
      if (time % 50 === 0) await settled();
    }
    await settled();
    expect(fetches()).toBe(2);
  });

  it("cost nothing where their tokens could not be accepted anyway", async () => {
    const { verdict, verdictSync, clock, fetches } = await warmScene();
    for (const claims of [
      { exp: clock.wall - 31 },
      { exp: undefined },
      { nbf: clock.wall + 31 },
      { iat: clock.wall + 31 },
      { aud: "someone-else" },
      { aud: undefined },
      { iss: "https://elsewhere.example" },
    ]) {
      expect(await verdict(forgedToken(claims))).toBe("kid_unknown");
      expect(verdictSync(forgedToken(claims))).toBe("kid_unknown");
    }
    await settled();
    expect(fetches()).toBe(0);
  });

  it("neither delay the refresh nor use it up", async () => {
    const scene = await warmScene();
    const flood = setFlood(scene.verdict);
    for (let round = 0; round < 20; round++) {
      scene.clock.advance(30);
      await flood();
      expect(await scene.verdict()).toBe("accepted");
      expect(scene.verifier.health().issuers[0]?.ageSeconds).toBeLessThanOrEqual(480);
    }
    expect(scene.fetches()).toBeLessThanOrEqual(2 + 20);
  });

  it("do not lengthen the way back after an outage", async () => {
    const scene = await warmScene();
    scene.issuer.reply = OUTAGE;
    const flood = setFlood(scene.verdict);
    for (let minute = 0; minute < 30; minute++) {
      scene.clock.advance(60);
      await flood();
    }
    scene.issuer.reply = jwks([NEXT_KEY]);
    scene.clock.advance(30);
    await scene.verdict();
    await settled();
    expect(await scene.verdict(tokenOf(NEXT_KEY))).toBe("accepted");
  });

  it("in an outage cost no more than the back-off allows", async () => {
    const scene = await warmScene();
    scene.issuer.reply = OUTAGE;
    const flood = setFlood(scene.verdict);
    for (let second = 0; second < 300; second++) {
      scene.clock.advance(1);
      await flood();
    }
    // 0.75, 1.5, 3, 6 and 12 seconds, then one in 22.5 at most, of those that the budget pays.
    expect(scene.fetches()).toBeLessThanOrEqual(5 + 300 / 22.5);
    expect(await scene.verdict()).toBe("accepted");
  });

  function setFlood(verdict: (token: string) => Promise<string>): () => Promise<void> {
    return async () => {
      for (let time = 0; time < 20; time++) await verdict(forgedToken());
    };
  }
});

describe("a kid that was looked for in vain", () => {
  it("is not looked for again for a minute", async () => {
    const { verdict, clock, fetches } = await warmScene();
    await verdict(tokenOf(STRANGER));
    expect(fetches()).toBe(1);
    clock.advance(59);
    expect(await verdict(tokenOf(STRANGER))).toBe("kid_unknown");
    expect(fetches()).toBe(0);
    clock.advance(1);
    await verdict(tokenOf(STRANGER));
    expect(fetches()).toBe(1);
  });

  it("is looked for again as soon as the keys have changed", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    await verdict(tokenOf(NEXT_KEY));
    issuer.reply = jwks([KEY, sampleKey("EdDSA", "third")]);
    await verdict(forgedToken());
    fetches();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    clock.advance(30);
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it("is looked for again where the request failed, once the back-off is over", async () => {
    const { verdict, verdictSync, issuer, clock, fetches } = await warmScene();
    issuer.reply = OUTAGE;
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("keys_expired");
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("keys_expired");
    verdictSync(tokenOf(NEXT_KEY));
    await settled();
    expect(fetches()).toBe(1);
    expect(await verdict()).toBe("accepted");
    issuer.reply = jwks([KEY, NEXT_KEY]);
    clock.advance(0.75);
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
  });

  it("has its tokens refused by 503 where the keys are old, and by 401 where they are fresh", async () => {
    const scene = await warmScene();
    expect(await scene.verdict(tokenOf(STRANGER))).toBe("kid_unknown");
    scene.issuer.reply = OUTAGE;
    await live(scene, 660, 60);
    expect(await scene.verdict(tokenOf(STRANGER))).toBe("keys_expired");
    expect(await scene.verdict()).toBe("accepted");
  });

  it("is refused by 503 before there are any keys", async () => {
    const { verdict } = scene({}, OUTAGE);
    expect(await verdict(tokenOf(STRANGER))).toBe("keys_not_loaded");
  });
});

describe("the budget by itself", () => {
  it("is two, and one more in thirty seconds, but never more than two", () => {
    const kids = unknownKids();
    const granted = (now: number) => {
      let count = 0;
      while (kids.takeFetch(now)) count++;
      return count;
    };
    expect(granted(1000)).toBe(2);
    expect(granted(1029)).toBe(0);
    expect(granted(1030)).toBe(1);
    expect(granted(1059)).toBe(0);
    expect(granted(1060)).toBe(1);
    expect(granted(1_000_000)).toBe(2);
  });

  it("is not given back when what was missed is forgotten", () => {
    const kids = unknownKids();
    while (kids.takeFetch(0));
    kids.forget();
    expect(kids.takeFetch(29)).toBe(false);
    expect(kids.takeFetch(30)).toBe(true);
  });
});

describe("what was missed, by itself", () => {
  it("is remembered for a minute", () => {
    const kids = unknownKids();
    kids.missed("one", 1000);
    expect(kids.isMissing("one", 1059.9)).toBe(true);
    expect(kids.isMissing("one", 1060)).toBe(false);
    expect(kids.isMissing("two", 1000)).toBe(false);
  });

  it("is the last 512 of a million", () => {
    const kids = unknownKids();
    for (let miss = 0; miss < 1_000_000; miss++) kids.missed(`kid-${miss}`, 0);
    expect(kids.isMissing("kid-999999", 1)).toBe(true);
    expect(kids.isMissing("kid-999488", 1)).toBe(true);
    expect(kids.isMissing("kid-999487", 1)).toBe(false);
  });

  it("is the youngest where it is missed again", () => {
    const kids = unknownKids();
    kids.missed("again", 0);
    for (let miss = 0; miss < 500; miss++) kids.missed(`kid-${miss}`, 0);
    kids.missed("again", 0);
    for (let miss = 500; miss < 1000; miss++) kids.missed(`kid-${miss}`, 0);
    expect(kids.isMissing("again", 1)).toBe(true);
  });

  it("is forgotten when it is told to", () => {
    const kids = unknownKids();
    kids.missed("one", 0);
    kids.forget();
    expect(kids.isMissing("one", 1)).toBe(false);
  });
});
