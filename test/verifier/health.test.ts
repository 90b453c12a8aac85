/** What a verifier says of itself, in every state. */
import { describe, expect, it } from "vitest";
import { answers, jwks, KEY, live, NEXT_KEY, OUTAGE, scene, settled, warmScene } from "./scripted-issuer.ts";

describe("health", () => {
  it("is cold before anything was asked, and while the first request is under way", async () => {
    const { verifier, issuer } = scene();
    const cold = {
      status: "cold",
      issuers: [
        {
          issuer: "https://issuer.example",
          status: "cold",
          kids: [],
          generation: null,
          ageSeconds: null,
          usableSeconds: 0,
          failures: 0,
          lastFailure: null,
        },
      ],
    };
    expect(verifier.health()).toEqual(cold);
    issuer.held = [];
    void verifier.warm();
    await settled();
    expect(verifier.health()).toEqual(cold);
  });

  it("is down where no keys came", async () => {
    const { verifier } = scene({}, answers(500));
    expect(await verifier.warm()).toMatchObject({
      status: "down",
      issuers: [{ status: "down", kids: [], ageSeconds: null, failures: 1, lastFailure: "status" }],
    });
  });

  it("is ok while the keys are fresh", async () => {
    const { verifier, clock } = await warmScene({}, jwks([KEY, NEXT_KEY], { ring: "one", generation: 12 }));
    clock.advance(100);
    expect(verifier.health()).toEqual({
      status: "ok",
      issuers: [
        {
          issuer: "https://issuer.example",
          status: "ok",
          kids: ["key-1", "key-2"],
          generation: 12,
          ageSeconds: 100,
          usableSeconds: 4100,
          failures: 0,
          lastFailure: null,
        },
      ],
    });
  });

  it("is ok with failures while the keys are fresh still", async () => {
    const { verifier, verdict, issuer, clock } = await warmScene();
    issuer.reply = OUTAGE;
    clock.advance(480);
    await verdict();
    await settled();
    expect(verifier.health()).toMatchObject({
      status: "ok",
      issuers: [{ failures: 1, lastFailure: "network" }],
    });
  });

  it("is stale, then down, and says for how long it can go on", async () => {
    const scene = await warmScene();
    const { verifier, issuer, clock } = scene;
    issuer.reply = OUTAGE;
    clock.advance(600);
    await scene.verdict();
    expect(verifier.health()).toMatchObject({
      status: "stale",
      issuers: [{ ageSeconds: 600, usableSeconds: 3600 }],
    });
    clock.advance(3599);
    expect(verifier.health()).toMatchObject({ status: "stale", issuers: [{ usableSeconds: 1 }] });
    clock.advance(1);
    expect(verifier.health()).toMatchObject({
      status: "down",
      issuers: [{ usableSeconds: 0, kids: ["key-1"] }],
    });
    clock.advance(1e6);
    expect(verifier.health()).toMatchObject({ issuers: [{ usableSeconds: 0 }] });
  });

  it("tells whether tokens are verified: usableSeconds is above zero as long as they are", async () => {
    const scene = await warmScene();
    scene.issuer.reply = OUTAGE;
    for (let time = 0; time < 90; time++) {
      scene.clock.advance(60);
      const verdict = await scene.verdict();
      const { usableSeconds = 0 } = scene.verifier.health().issuers[0] ?? {};
      expect(verdict === "accepted").toBe(usableSeconds > 0);
    }
  });

  it("is ok again after recovery, with no failures", async () => {
    const scene = await warmScene();
    scene.issuer.reply = OUTAGE;
    await live(scene, 7200, 60);
    scene.issuer.reply = jwks([KEY]);
    scene.clock.advance(30);
    await scene.verdict();
    expect(scene.verifier.health()).toMatchObject({
      status: "ok",
      issuers: [{ failures: 0, lastFailure: null, ageSeconds: 0 }],
    });
  });

  it("asks for nothing", async () => {
    const { verifier, clock, fetches } = await warmScene();
    clock.advance(86_400);
    verifier.health();
    await settled();
    expect(fetches()).toBe(0);
  });

  it("leaves out kids that were revoked here", async () => {
    const { verifier } = await warmScene({}, jwks([KEY, NEXT_KEY]));
    verifier.revoke("key-1");
    expect(verifier.health().issuers[0]?.kids).toEqual(["key-2"]);
  });
});
