/** What a new JWKS does to the keys that are held, and to what was verified by them. */
import { describe, expect, it } from "vitest";
import { CHECKS_AT_ONCE, sampleKey } from "./sample-issuer.ts";
import {
  jwks,
  KEY,
  NEXT_KEY,
  OUTAGE,
  type Reply,
  type Scene,
  settled,
  text,
  tokenOf,
  warmScene,
} from "./scripted-issuer.ts";

/** Time for a refresh: the next token starts it in the background, and it ends before this returns. */
async function refreshed({ verifier, issuer, clock }: Scene, reply: Reply): Promise<void> {
  issuer.reply = reply;
  clock.advance(600);
  await verifier.warm();
}

describe("a key that is no longer listed", () => {
  it("dies at once, also for tokens that were verified before", async () => {
    const scene = await warmScene({}, jwks([KEY, NEXT_KEY]));
    const token = tokenOf(KEY);
    const other = tokenOf(NEXT_KEY);
    await scene.verdict(token);
    await scene.verdict(other);
    await refreshed(scene, jwks([NEXT_KEY]));
    expect(await scene.verdict(token)).toBe("kid_unknown");
    expect(scene.verdictSync(other)).toBe("accepted");
    expect(scene.verifier.stats().cached).toBe(1);
  });

  it("works again when it is listed again", async () => {
    const scene = await warmScene({}, jwks([KEY, NEXT_KEY]));
    const token = tokenOf(KEY);
    await scene.verdict(token);
    await refreshed(scene, jwks([NEXT_KEY]));
    await refreshed(scene, jwks([KEY, NEXT_KEY]));
    expect(await scene.verdict(token)).toBe("accepted");
    expect(scene.verdictSync(token)).toBe("accepted");
  });

  it("dies with all others when none is listed, and nobody takes that for a failure", async () => {
    const scene = await warmScene({}, jwks([KEY, NEXT_KEY]));
    await scene.verdict();
    await refreshed(scene, jwks([]));
    expect(await scene.verdict()).toBe("kid_unknown");
    expect(await scene.verdict(tokenOf(NEXT_KEY))).toBe("kid_unknown");
    expect(scene.verifier.health()).toMatchObject({ status: "ok", issuers: [{ kids: [], failures: 0 }] });
  });

  // Where that takes no turn of the event loop, nothing can come between.
  it.runIf(CHECKS_AT_ONCE)("dies while the signature of a token is being checked", async () => {
    const scene = await warmScene();
    scene.issuer.reply = jwks([NEXT_KEY]);
    scene.clock.advance(480);
    // Begins with the key, and starts the refresh that drops it.
    expect(await scene.verdict()).toBe("kid_unknown");
  });
});

it("a key with the same kid and other material is another key", async () => {
  const scene = await warmScene();
  const token = tokenOf(KEY);
  await scene.verdict(token);
  const other = sampleKey("EdDSA", KEY.kid, "successor");
  await refreshed(scene, jwks([other]));
  expect(await scene.verdict(token)).toBe("signature_invalid");
  expect(await scene.verdict(tokenOf(other))).toBe("accepted");
  expect(scene.events.at(-2)).toMatchObject({ type: "keys_changed", added: ["key-1"], removed: ["key-1"] });
});

it("a key that stays is not imported or counted anew", async () => {
  const scene = await warmScene();
  const token = tokenOf(KEY);
  await scene.verdict(token);
  // Other members, another order, and another neighbour change nothing about it.
  await refreshed(scene, jwks([NEXT_KEY, { "x-note": "new", ...KEY.jwk }]));
  expect(scene.events.at(-2)).toMatchObject({ type: "keys_changed", added: ["key-2"], removed: [] });
  expect(scene.verdictSync(token)).toBe("accepted");
  expect(scene.verifier.stats()).toMatchObject({ cached: 1, kids: { "key-1": { verified: 2 } } });
});

describe("what is told of a new set", () => {
  it("is which keys came and went", async () => {
    const scene = await warmScene();
    await refreshed(scene, jwks([NEXT_KEY]));
    expect(scene.events.slice(-2)).toEqual([
      { type: "keys_changed", issuer: "https://issuer.example", added: ["key-2"], removed: ["key-1"] },
      {
        type: "jwks_fetched",
        issuer: "https://issuer.example",
        unchanged: false,
        keys: 1,
        freshSeconds: 600,
      },
    ]);
  });

  it("is nothing but its coming when it is the same", async () => {
    const scene = await warmScene();
    await refreshed(scene, jwks([KEY]));
    expect(scene.told()).toEqual(["jwks_fetched"]);
  });

  it("is that a private key was published: it is not used, and the others are", async () => {
    const exposed = { ...NEXT_KEY.jwk, ...NEXT_KEY.privateKey.export({ format: "jwk" }) };
    const scene = await warmScene({}, jwks([exposed, KEY]));
    expect(scene.events).toContainEqual({
      type: "private_key_published",
      issuer: "https://issuer.example",
      kid: "key-2",
    });
    expect(JSON.stringify(scene.events)).not.toContain(exposed["d" as keyof typeof exposed]);
    expect(await scene.verdict()).toBe("accepted");
    expect(await scene.verdict(tokenOf(NEXT_KEY))).toBe("kid_unknown");
    scene.told();
    await refreshed(scene, jwks([exposed, KEY]));
    expect(scene.told()).toEqual(["jwks_fetched"]);
  });

  it("is which keys cannot be used, once for each set that has them", async () => {
    const odd = { kty: "oct-2", kid: "odd\n" };
    const scene = await warmScene({}, jwks([odd, KEY]));
    expect(scene.events).toContainEqual(
      expect.objectContaining({ type: "key_skipped", kid: "odd?", because: "kid_malformed" }),
    );
    await refreshed(scene, jwks([odd, KEY]));
    await refreshed(scene, jwks([odd, KEY]));
    expect(scene.told().filter((type) => type !== "jwks_fetched")).toEqual([]);
    await refreshed(scene, jwks([odd, { kty: "EC" }, KEY]));
    expect(scene.told().filter((type) => type === "key_skipped")).toHaveLength(2);
  });
});

describe("the generation of a set", () => {
  const older = jwks([KEY], { ring: "one", generation: 7 });
  const newer = jwks([NEXT_KEY], { ring: "one", generation: 8 });

  it("does not fall while the newer set can be used", async () => {
    const scene = await warmScene({}, newer);
    await refreshed(scene, older);
    expect(scene.events).toContainEqual(
      expect.objectContaining({ type: "jwks_failed", because: "older_set", status: 200 }),
    );
    expect(await scene.verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(await scene.verdict()).toBe("keys_expired");
    expect(scene.verifier.health().issuers[0]).toMatchObject({ generation: 8, lastFailure: "older_set" });
    scene.clock.advance(3599);
    await scene.verifier.warm();
    await settled();
    expect(scene.verifier.health().issuers[0]?.generation).toBe(8);
  });

  it("falls, and that is told, once the newer set is too old", async () => {
    const scene = await warmScene({}, newer);
    await refreshed(scene, older);
    scene.told();
    scene.clock.advance(3600);
    expect(await scene.verdict()).toBe("accepted");
    expect(scene.events).toContainEqual(
      expect.objectContaining({ type: "older_set_taken", generation: 7, seen: 8 }),
    );
    expect(await scene.verdict(tokenOf(NEXT_KEY))).toBe("kid_unknown");
  });

  it("may stay or rise", async () => {
    const scene = await warmScene({}, older);
    await refreshed(scene, older);
    expect(scene.told()).toEqual(["jwks_fetched"]);
    await refreshed(scene, newer);
    expect(await scene.verdict(tokenOf(NEXT_KEY))).toBe("accepted");
  });

  it.each<[string, Reply]>([
    ["of another ring", jwks([KEY], { ring: "two", generation: 1 })],
    ["that is not told", jwks([KEY])],
    ["without a ring", jwks([KEY], { generation: 1 })],
    ["that is no number", text(JSON.stringify({ ring: "one", generation: "1", keys: [KEY.jwk] }))],
    ["that is no whole number", jwks([KEY], { ring: "one", generation: 0.5 })],
  ])("%s is not compared", async (_, reply) => {
    const scene = await warmScene({}, newer);
    await refreshed(scene, reply);
    expect(await scene.verdict()).toBe("accepted");
    expect(scene.told()).not.toContain("older_set_taken");
  });

  it("keeps a revoked key out, whose JWKS of before comes back in an outage", async () => {
    const scene = await warmScene({}, older);
    const stolen = tokenOf(KEY);
    await scene.verdict(stolen);
    await refreshed(scene, newer);
    for (const reply of [older, OUTAGE, older]) {
      scene.issuer.reply = reply;
      scene.clock.advance(700);
      await scene.verifier.warm();
      await settled();
      expect(await scene.verdict(stolen)).not.toBe("accepted");
      expect(await scene.verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    }
  });
});
