import { createLocalJWKSet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { Adoption } from "../../src/manager/adopt.ts";
import { sampleKey } from "../keys/sample-key.ts";
import { place } from "./faulty-store.ts";
import { codeOf, ISSUER, KEK, OTHER_KEK, openAlone, openNode, recordsOf } from "./fleet.ts";
import { START } from "./manual-clock.ts";

const DAY = 86_400;
const { privateJwk, key } = await sampleKey("ES256", "theirs");
const THEIRS: Adoption = {
  privateJwk: { ...privateJwk, kid: "2026-a", alg: "ES256" },
  createdAt: START - 100 * DAY,
  tokenSeconds: 3600,
  jwksCacheSeconds: 600,
};

describe("a manager that adopts the key of an issuer that runs already", () => {
  it("signs with it under its kid, so that whoever has the former JWKS goes on verifying", async () => {
    const { keys } = await openAlone({ adopt: THEIRS });
    const { token, kid } = await keys.sign({ sub: "user-1" });
    expect(kid).toBe("2026-a");
    const former = createLocalJWKSet({
      keys: [{ ...key.publicJwk, kid: "2026-a", alg: "ES256", use: "sig" }],
    });
    const { payload } = await jwtVerify(token, former, {
      issuer: ISSUER,
      currentDate: new Date(START * 1000),
    });
    expect(payload.sub).toBe("user-1");
  });

  it("turns it over when everyone knows the successor, and keeps it until its last token has expired", async () => {
    const { keys, clock } = await openAlone({ adopt: THEIRS });
    const [, standby] = keys.status().keys;
    // An hour until the traffic comes here: nobody has seen the standby before.
    clock.advance(3600);
    expect((await keys.tick()).step).toMatchObject({ step: "confirm", kid: standby?.kid });
    clock.advance(1199);
    expect((await keys.tick()).step).toBeNull();
    clock.advance(1);
    expect((await keys.tick()).step).toMatchObject({ step: "emit", kid: standby?.kid });
    expect(keys.jwks().keys.map(({ kid }) => kid)).toContain("2026-a");
    clock.advance(3809);
    await keys.tick();
    expect(keys.jwks().keys.map(({ kid }) => kid)).toContain("2026-a");
    clock.advance(1);
    await keys.tick();
    await keys.tick();
    expect(keys.status().revoked).toEqual([
      expect.objectContaining({ kid: "2026-a", revokedBecause: "retired" }),
    ]);
  });

  it("holds the standby back until a probe has seen it, where there is one", async () => {
    let shown: string[] = ["2026-a"];
    const { keys, clock } = await openAlone({ adopt: THEIRS, probe: async () => shown });
    clock.advance(DAY);
    expect((await keys.tick()).blocked).toBe("publication_unconfirmed");
    shown = keys.status().keys.map(({ kid }) => kid);
    expect((await keys.tick()).step).toMatchObject({ step: "confirm" });
  });

  it("supposes a day for tokens and copies where nothing is said of them", async () => {
    const { privateJwk } = THEIRS;
    const { keys } = await openAlone({ adopt: { privateJwk } });
    expect(keys.ring().keys[0]).toMatchObject({ createdAt: START, retireHoldSeconds: DAY + 210 });
    expect(keys.ring().jwksHeldUntil).toBe(START + 2 * DAY + 70);
  });

  it("records who brought it, and shows that it was imported", async () => {
    const { keys, place } = await openAlone({
      adopt: { ...THEIRS, actor: "cli:alice", reason: "moving over" },
    });
    expect(await recordsOf(place)).toMatchObject([
      { event: "init", newKid: "2026-a", trigger: "manual", actor: "cli:alice", reason: "moving over" },
    ]);
    expect(keys.status().keys.map(({ imported }) => imported)).toEqual([true, undefined]);
  });

  it("turns it over to the policy's algorithm, if that is another", async () => {
    const { keys } = await openAlone({ adopt: THEIRS, policy: { alg: "EdDSA" } });
    expect(keys.status().keys.map(({ alg, phase }) => ({ alg, phase }))).toEqual([
      { alg: "ES256", phase: "emitting" },
      { alg: "EdDSA", phase: "accepted" },
    ]);
  });

  it("leaves a ring that is there as it is", async () => {
    const there = place();
    const { keys } = await openNode(there);
    const { keys: second } = await openNode(there, { adopt: THEIRS });
    expect(second.status().emitter).toBe(keys.status().emitter);
    expect(there.history).toHaveLength(1);
  });

  it("goes on through revoke, restart and rewrap like any other key", async () => {
    const there = place();
    await openNode(there, { adopt: THEIRS });
    const { keys } = await openNode(there, { kek: OTHER_KEK, previousKek: KEK });
    await keys.rewrap();
    expect((await keys.sign({})).kid).toBe("2026-a");
    expect(await keys.revoke("2026-a", { reason: "leaked" })).toMatchObject({
      changed: true,
      earlyEmit: true,
    });
    expect(await keys.revoke("2026-a", { reason: "leaked" })).toMatchObject({ changed: false });
    expect(keys.jwks().keys.map(({ kid }) => kid)).not.toContain("2026-a");
  });

  it.each<[string, Partial<Adoption>]>([
    ["a key from tomorrow", { createdAt: START + 1 }],
    ["a key from before 2020", { createdAt: 1_577_836_799 }],
    ["an instant in milliseconds", { createdAt: START * 1000 }],
    ["tokens that live for no time", { tokenSeconds: 0 }],
    ["tokens that live for eleven years", { tokenSeconds: 347_000_000 }],
    ["a JWKS that is kept for a negative time", { jwksCacheSeconds: -1 }],
    ["half a second", { jwksCacheSeconds: 0.5 }],
    ["a kid with a space", { kid: "a b" }],
  ])("refuses %s, and makes no ring", async (_, wrong) => {
    const there = place();
    expect(await codeOf(openNode(there, { adopt: { ...THEIRS, ...wrong } }))).toBe("import_invalid");
    expect(there.history).toHaveLength(0);
  });
});
