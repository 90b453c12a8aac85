import { describe, expect, it } from "vitest";
import { parseKek } from "../../src/keys/kek.ts";
import { openSealed } from "../../src/keys/portable.ts";
import { openJwk } from "../../src/keys/seal.ts";
import { sampleKey } from "../keys/sample-key.ts";
import { codeOf, KEK, openAlone, recordsOf } from "./fleet.ts";

const { privateJwk } = await sampleKey("ES256", "theirs");
const THEIRS = { privateJwk: { ...privateJwk, kid: "2026-a", alg: "ES256" } };

describe("a key that is exported", () => {
  const REASON = { reason: "moving to another issuer" };
  const PASSPHRASE = "0123456789abcdefghij";

  it("goes sealed under the passphrase, with what its next issuer needs to know, and signs there", async () => {
    const { keys } = await openAlone({ adopt: THEIRS });
    const { sealed, ...outcome } = await keys.exportKey({ passphrase: PASSPHRASE }, REASON);
    expect(outcome).toMatchObject({ kid: "2026-a", alg: "ES256", changed: true, generation: 2 });
    const opened = await openSealed(sealed, { passphrase: PASSPHRASE, keks: async () => [] });
    expect(opened).toEqual({ ...privateJwk, kid: "2026-a", alg: "ES256", use: "sig" });
    const { keys: next } = await openAlone({ adopt: { privateJwk: { ...opened } } });
    expect((await next.sign({})).kid).toBe("2026-a");
  });

  it("goes sealed under the ring's KEK where no passphrase is given", async () => {
    const { keys } = await openAlone({ adopt: THEIRS });
    const { sealed, kid } = await keys.exportKey({ passphrase: null }, REASON);
    const opened = await openJwk(sealed, { ring: keys.ring().id, kid }, await parseKek(KEK));
    expect(opened).toMatchObject({ d: privateJwk.d, kid: "2026-a" });
  });

  it("goes on emitting here, and leaves a record of whom, why and which", async () => {
    const { keys, place } = await openAlone();
    const [emitter, standby] = keys.status().keys;
    await keys.exportKey({ passphrase: PASSPHRASE }, { ...REASON, actor: "cli:alice" });
    await keys.exportKey({ passphrase: null, kid: standby?.kid as string }, REASON);
    expect((await recordsOf(place)).slice(1)).toMatchObject([
      {
        event: "export",
        oldKid: emitter?.kid,
        newKid: null,
        details: { under: "passphrase" },
        trigger: "manual",
        actor: "cli:alice",
        reason: REASON.reason,
      },
      { event: "export", oldKid: standby?.kid, details: { under: "kek" } },
    ]);
    expect(keys.status().keys).toEqual([emitter, standby]);
  });

  it("does not go without a reason, a long passphrase, or a live key; then nothing is recorded", async () => {
    const { keys, place } = await openAlone();
    const order = { passphrase: PASSPHRASE };
    expect(await codeOf(keys.exportKey(order, { reason: " " }))).toBe("reason_invalid");
    expect(await codeOf(keys.exportKey({ passphrase: "short" }, REASON))).toBe("passphrase_invalid");
    expect(await codeOf(keys.exportKey({ ...order, kid: "nobody's" }, REASON))).toBe("kid_unknown");
    expect(place.history).toHaveLength(1);
  });

  it("does not go when the record cannot be stored", async () => {
    const { keys, store } = await openAlone();
    store.commitFaults.push("unavailable");
    expect(await codeOf(keys.exportKey({ passphrase: PASSPHRASE }, REASON))).toBe("store_unavailable");
  });

  it("waits while no audit sink takes records", async () => {
    const { keys } = await openAlone({ auditRoom: async () => "scarce" });
    expect(await codeOf(keys.exportKey({ passphrase: PASSPHRASE }, REASON))).toBe("audit_backlog");
  });
});
