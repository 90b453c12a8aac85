import { describe, expect, it } from "vitest";
import { createTestIssuer, movableClock, type TestIssuer } from "../../src/testing/index.ts";
import { AUDIENCE, watchingVerifier } from "./watching-verifier.ts";

const START = 1_800_000_000;
const claims = { sub: "user-1", aud: AUDIENCE };

const opened = (policy = {}) => createTestIssuer({ clock: movableClock(START), policy });

function publishedKids(issuer: TestIssuer): string[] {
  return issuer.keys.jwks().keys.map(({ kid }) => kid);
}

describe("a planned turnover", () => {
  it.each([true, false])("refuses no token and costs no fetch for a kid, standby %s", async (standby) => {
    const issuer = await opened({ standby });
    const verifier = watchingVerifier(issuer);
    const verdicts = new Set<string>();
    const kids = new Set<string>();
    const tokens: string[] = [];
    const traffic = async () => {
      const { token, kid } = await issuer.sign(claims, { expiresInSeconds: 300 });
      kids.add(kid);
      tokens.push(token);
      // The oldest that must still count, and the newest.
      for (const sent of [tokens.at(-10) ?? token, token]) verdicts.add(await verifier.verdict(sent));
    };
    await traffic();
    const { oldKid, newKid } = await issuer.rotate({ meanwhile: traffic });
    await issuer.pass(1200, { meanwhile: traffic });
    expect([...kids]).toEqual([oldKid, newKid]);
    expect([...verdicts]).toEqual(["accepted"]);
    expect(verifier.stats().refused).toEqual({});
    // By its age alone: the JWKS is asked for every 0.8 × max-age, and a step later where that falls between two.
    const asked = issuer.requests.map(({ at }) => at - START);
    const gaps = asked.slice(1).map((at, index) => at - (asked[index] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.8 * 530);
    expect(asked.length).toBeGreaterThan(3);
  });

  it("takes the whole emit hold on the clock, of a key that was never published before", async () => {
    const issuer = await opened({ standby: false });
    expect(publishedKids(issuer)).toEqual([issuer.kid]);
    const { oldKid, newKid } = await issuer.rotate();
    expect(issuer.clock.now() - START).toBe(1200);
    expect(newKid).not.toBe(oldKid);
    expect(issuer.kid).toBe(newKid);
    expect(publishedKids(issuer)).toEqual([oldKid, newKid]);
  });

  it("takes only what is left of it, of a standby", async () => {
    const issuer = await opened();
    await issuer.pass(900);
    await issuer.rotate();
    expect(issuer.clock.now() - START).toBe(1200);
    await issuer.pass(5000);
    const { oldKid, newKid } = await issuer.rotate();
    expect(oldKid).not.toBe(newKid);
    expect(issuer.clock.now() - START).toBe(6200);
  });

  it("can be had again at once, and is as long as it must be", async () => {
    const issuer = await opened();
    const seen = [issuer.kid];
    for (let turnover = 1; turnover <= 3; turnover++) {
      const startedAt = issuer.clock.now();
      const { oldKid, newKid } = await issuer.rotate();
      expect(oldKid).toBe(seen.at(-1));
      expect(seen).not.toContain(newKid);
      seen.push(newKid);
      expect(issuer.clock.now() - startedAt).toBeGreaterThanOrEqual(1200);
    }
  });

  it("can be had step by step", async () => {
    const issuer = await opened({ standby: false });
    const before = issuer.kid;
    const next = await issuer.publish();
    expect(await issuer.publish()).toBe(next);
    expect(issuer.clock.now()).toBe(START);
    expect(publishedKids(issuer)).toEqual([before, next]);
    expect(issuer.kid).toBe(before);
    expect(await issuer.emit()).toEqual({ oldKid: before, newKid: next });
    await issuer.retire();
    // The longest of its tokens has expired, wherever it was: the retire hold.
    expect(issuer.clock.now() - START).toBe(1200 + 1200);
    expect(publishedKids(issuer)).toEqual([next]);
  });

  it("shows every refresh of the schedule to who wants to see it", async () => {
    const issuer = await opened({ standby: false });
    const seen: number[] = [];
    await issuer.rotate({ meanwhile: () => seen.push(issuer.clock.now() - START) });
    expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => 30 * (index + 1)));
  });
});

describe("time that passes", () => {
  it("turns the ring over when it is due, at that instant", async () => {
    const issuer = await opened();
    const first = issuer.kid;
    await issuer.pass(30 * 86_400 - 1);
    expect(issuer.kid).toBe(first);
    await issuer.pass(1);
    expect(issuer.kid).not.toBe(first);
    expect(issuer.keys.ring().committedAt).toBe(START + 30 * 86_400);
  });

  it("takes each step when it falls due, however much passes in one go", async () => {
    const issuer = await opened();
    await issuer.pass(61 * 86_400);
    const emitter = issuer.keys.ring().keys.find(({ kid }) => kid === issuer.kid);
    expect(emitter?.emittedAt).toBe(START + 60 * 86_400);
    expect(issuer.keys.ring().tombstones).toHaveLength(2);
  });

  it("is caught up with when the clock alone was moved", async () => {
    const issuer = await opened();
    const first = issuer.kid;
    issuer.clock.advance(31 * 86_400);
    expect((await issuer.sign(claims)).kid).not.toBe(first);
    await issuer.fetch(issuer.jwksUrl);
    issuer.clock.advance(31 * 86_400);
    const response = await issuer.fetch(issuer.jwksUrl);
    expect(await response.json()).toMatchObject({ generation: issuer.keys.ring().generation });
  });
});

describe("an emergency", () => {
  it("is over within the bound that it states, and the new key's tokens are accepted", async () => {
    const issuer = await opened();
    const verifier = watchingVerifier(issuer);
    const { token, kid } = await issuer.sign(claims);
    expect(await verifier.verdict(token)).toBe("accepted");
    const outcome = await issuer.revoke();
    expect(outcome).toMatchObject({ kid, changed: true, emitter: issuer.kid });
    expect(issuer.kid).not.toBe(kid);
    let verdict = await verifier.verdict(token);
    expect(verdict).toBe("accepted");
    const revokedAt = issuer.clock.now();
    while (verdict === "accepted") {
      await issuer.pass(10);
      verdict = await verifier.verdict(token);
    }
    expect(verdict).toBe("kid_unknown");
    expect(issuer.clock.now()).toBeLessThanOrEqual(outcome.refusedByAt);
    expect(issuer.clock.now() - revokedAt).toBeLessThanOrEqual(530);
    expect(await verifier.verdict((await issuer.sign(claims)).token)).toBe("accepted");
  });

  it("takes any kid, and knows which there are", async () => {
    const issuer = await opened();
    const standby = await issuer.publish();
    const emitter = issuer.kid;
    expect(await issuer.revoke(standby)).toMatchObject({ kid: standby, emitter });
    expect(publishedKids(issuer)).not.toContain(standby);
    // As a running schedule, it has published another standby at once.
    expect(publishedKids(issuer)).toHaveLength(2);
    await expect(issuer.revoke("no such kid")).rejects.toMatchObject({ code: "kid_unknown" });
  });
});
