/** Keys shared between instances: a new one starts from what another was told, as old as that is. */
import { describe, expect, it } from "vitest";
import { NOW, verdictOf } from "./sample-issuer.ts";
import { fleet, jwks, KEY, NEXT_KEY, OUTAGE, SHELF, settled, snapshot, tokenOf } from "./scripted-issuer.ts";

describe("a second instance", () => {
  it("starts from what the first one was told, without a request", async () => {
    const { instance, issuer, events } = fleet();
    await instance().warm();
    const second = instance();
    expect(await verdictOf(second, tokenOf(KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(1);
    expect(events.map(({ type }) => type)).not.toContain("snapshot_failed");
  });

  it("counts its age from the first one's request", async () => {
    const { instance, issuer, clock } = fleet();
    await instance().warm();
    clock.advance(400);
    const second = instance();
    await second.warm();
    expect(second.health().issuers[0]).toMatchObject({ ageSeconds: 400, usableSeconds: 3800 });
    clock.advance(80);
    await verdictOf(second, tokenOf(KEY));
    await settled();
    expect(issuer.requests).toHaveLength(2);
  });

  it("is made no younger by a clock that steps back", async () => {
    const { instance, clock } = fleet();
    await instance().warm();
    clock.advance(400);
    const second = instance();
    await second.warm();
    clock.wall -= 86_400;
    clock.sinceBoot += 10;
    expect(second.health().issuers[0]?.ageSeconds).toBe(410);
  });

  it("takes over a refresh of the first one, and asks nobody", async () => {
    const { instance, issuer, clock } = fleet();
    const [first, second] = [instance(), instance()];
    await first.warm();
    await second.warm();
    issuer.reply = jwks([NEXT_KEY]);
    clock.advance(480);
    await verdictOf(first, tokenOf(KEY));
    await settled();
    await verdictOf(second, tokenOf(KEY));
    await settled();
    expect(second.health().issuers[0]).toMatchObject({ kids: ["key-2"], ageSeconds: 0 });
    expect(issuer.requests).toHaveLength(2);
  });

  it("asks the issuer itself for a kid that it does not know", async () => {
    const { instance, issuer } = fleet();
    const [first, second] = [instance(), instance()];
    await first.warm();
    await second.warm();
    issuer.reply = jwks([KEY, NEXT_KEY]);
    expect(await verdictOf(second, tokenOf(NEXT_KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(2);
    expect(await verdictOf(instance(), tokenOf(NEXT_KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(2);
  });

  it("asks the issuer itself for such a kid even where there is a newer snapshot", async () => {
    const { instance, issuer, shelf, clock } = fleet();
    const verifier = instance();
    await verifier.warm();
    clock.advance(100);
    shelf.texts.set(SHELF, snapshot({ age: -100 }));
    issuer.reply = jwks([KEY, NEXT_KEY]);
    expect(await verdictOf(verifier, tokenOf(NEXT_KEY))).toBe("accepted");
  });

  it("starts in an outage from a snapshot that is stale, but only after it has asked", async () => {
    const { instance, issuer, clock, events } = fleet();
    await instance().warm();
    issuer.reply = OUTAGE;
    clock.advance(4199);
    const second = instance();
    expect(await verdictOf(second, tokenOf(KEY))).toBe("accepted");
    expect(issuer.requests).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: "stale_keys_used", ageSeconds: 4199 });
    clock.advance(1);
    expect(await verdictOf(second, tokenOf(KEY))).toBe("keys_expired");
    expect(await verdictOf(instance(), tokenOf(KEY))).toMatch(/^keys_/);
  });

  it("does not judge by a stale snapshot where the issuer answers", async () => {
    const { instance, issuer, clock } = fleet();
    await instance().warm();
    issuer.reply = jwks([NEXT_KEY]);
    clock.advance(700);
    expect(await verdictOf(instance(), tokenOf(KEY))).toBe("kid_unknown");
  });

  it("asks with the ETag of the snapshot", async () => {
    const { instance, issuer, shelf, clock } = fleet();
    shelf.texts.set(SHELF, snapshot());
    const verifier = instance();
    await verifier.warm();
    clock.advance(480);
    shelf.texts.clear();
    issuer.reply = jwks([KEY], { headers: { ETag: '"kept"' } });
    await verdictOf(verifier, tokenOf(KEY));
    await settled();
    expect(issuer.requests[0]?.get("If-None-Match")).toBe('"kept"');
    expect(verifier.health().issuers[0]).toMatchObject({ ageSeconds: 0, failures: 0 });
  });

  it("has its own limits for what is fresh", async () => {
    const { instance, shelf, events } = fleet();
    shelf.texts.set(SHELF, snapshot({ freshSeconds: 1e9 }));
    const verifier = instance();
    await verifier.warm();
    expect(verifier.health().issuers[0]?.usableSeconds).toBe(3600 + 3600);
    expect(events.map(({ type }) => type)).toEqual(["keys_changed"]);
  });

  it("refuses keys that were revoked here, wherever they come from", async () => {
    const { instance } = fleet();
    await instance().warm();
    const second = instance();
    second.revoke("key-1");
    expect(await verdictOf(second, tokenOf(KEY))).toBe("kid_revoked");
  });

  it("is as well as one that was told by the issuer, after failures of its own", async () => {
    const { instance, issuer, clock } = fleet();
    const [first, second] = [instance(), instance()];
    await first.warm();
    await second.warm();
    issuer.reply = OUTAGE;
    clock.advance(480);
    await verdictOf(second, tokenOf(KEY));
    await settled();
    issuer.reply = jwks([KEY]);
    await verdictOf(first, tokenOf(KEY));
    await settled();
    clock.advance(1);
    await verdictOf(second, tokenOf(KEY));
    await settled();
    expect(second.health()).toMatchObject({
      status: "ok",
      issuers: [{ ageSeconds: 1, failures: 0, lastFailure: null }],
    });
  });

  it("tells of stale keys in a second outage too, when a snapshot ended the first one", async () => {
    const { instance, issuer, clock, events, shelf } = fleet();
    const verifier = instance();
    await verifier.warm();
    issuer.reply = OUTAGE;
    clock.advance(600);
    await verdictOf(verifier, tokenOf(KEY));
    shelf.texts.set(SHELF, snapshot({ age: -clock.now() + NOW }));
    clock.advance(1);
    await verdictOf(verifier, tokenOf(KEY));
    await settled();
    expect(verifier.health().status).toBe("ok");
    shelf.texts.clear();
    clock.advance(700);
    await verdictOf(verifier, tokenOf(KEY));
    expect(events.filter(({ type }) => type === "stale_keys_used")).toHaveLength(2);
  });
});

describe("what is saved", () => {
  it("lives as long as it can be used, and is saved again at each renewal", async () => {
    const { instance, issuer, clock, shelf } = fleet();
    issuer.reply = jwks([KEY], { headers: { ETag: '"one"', "Cache-Control": "max-age=1000" } });
    const verifier = instance();
    await verifier.warm();
    expect(shelf.ttls).toEqual([4600]);
    clock.advance(800);
    await verdictOf(verifier, tokenOf(KEY));
    await settled();
    expect(shelf.ttls).toEqual([4600, 4600]);
    expect(JSON.parse(shelf.texts.get(SHELF) as string)).toMatchObject({
      fetchedAt: NOW + 800,
      freshSeconds: 1000,
      etag: '"one"',
    });
  });

  it("is nothing of an answer that was refused", async () => {
    const { instance, issuer, shelf, clock } = fleet();
    issuer.reply = jwks([NEXT_KEY], { ring: "one", generation: 2 });
    const verifier = instance();
    await verifier.warm();
    const before = shelf.texts.get(SHELF);
    for (const reply of [OUTAGE, jwks([KEY], { ring: "one", generation: 1 })]) {
      issuer.reply = reply;
      clock.advance(700);
      await verifier.warm();
      await settled();
    }
    expect(shelf.texts.get(SHELF)).toBe(before);
    expect(shelf.ttls).toHaveLength(1);
  });

  it("is apart for each endpoint", async () => {
    const { instance, shelf, issuer } = fleet();
    await instance().warm();
    await instance({ ...({ jwksUrl: "https://other.example/jwks" } as object) }).warm();
    expect([...shelf.texts.keys()]).toEqual([SHELF, "keyturn:jwks:https://other.example/jwks"]);
    expect(issuer.requests).toHaveLength(2);
  });
});
