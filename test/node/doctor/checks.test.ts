/** What each check makes of what it is shown. */
import { describe, expect, it } from "vitest";
import { checkJwksCaching } from "../../../src/node/doctor/caching.ts";
import { checkJwksClock, checkStoreClock } from "../../../src/node/doctor/clock.ts";
import type { RingEvidence } from "../../../src/node/doctor/evidence.ts";
import { checkJwksKids } from "../../../src/node/doctor/kids.ts";
import { checkSteps } from "../../../src/node/doctor/ring.ts";
import { publicJwks } from "../../../src/ring/jwks.ts";
import { parsePolicy } from "../../../src/ring/policy.ts";
import type { KeyRing } from "../../../src/ring/ring.ts";
import { pause, revoke } from "../../../src/ring/step.ts";
import { kek } from "../../keys/sample-key.ts";
import { DAY, kidOf, sampleRing, turnedOver } from "../../ring/sample-ring.ts";
import { answered, NOW } from "./house.ts";

const POLICY = parsePolicy({});
const CONFIGURED = { policy: POLICY, steps: "on" } as const;
const evidence = (ring: KeyRing, storedAt: number | null = null): RingEvidence => ({ ring, kek, storedAt });

describe("the steps", () => {
  it("are well while nothing is late", () => {
    const { ring, now } = sampleRing();
    expect(checkSteps(evidence(ring), CONFIGURED, now)).toEqual({
      name: "steps",
      verdict: "ok",
      what: "No step is late.",
      fix: null,
    });
  });

  it("are late when nobody has ticked for longer than three ticks", () => {
    const { ring } = sampleRing();
    expect(checkSteps(evidence(ring), CONFIGURED, NOW + 30 * DAY + 180)).toMatchObject({ verdict: "ok" });
    expect(checkSteps(evidence(ring), CONFIGURED, NOW + 30 * DAY + 181)).toMatchObject({
      verdict: "fail",
      what: "A step has been due for 3m1s.",
    });
  });

  it("are worth a word when they are paused, or not this node's to take", () => {
    const sample = sampleRing();
    sample.commit(pause(sample.ring, sample.now));
    expect(checkSteps(evidence(sample.ring), CONFIGURED, NOW + 600)).toMatchObject({
      verdict: "warn",
      what: "Paused 10m ago.",
    });
    const other = { ...CONFIGURED, policy: parsePolicy({ tokenSeconds: 60 }) };
    expect(checkSteps(evidence(sample.ring), other, NOW)).toMatchObject({
      verdict: "warn",
      what: expect.stringContaining("is not the ring's"),
      fix: expect.stringContaining("`keyturn policy`"),
    });
    expect(checkSteps(evidence(sampleRing().ring), { ...CONFIGURED, steps: "off" }, NOW).verdict).toBe(
      "warn",
    );
  });
});

describe("the clock and the store's", () => {
  const { ring } = sampleRing();

  it.each([
    ["agree", NOW, NOW, "ok"],
    ["agree within the skew", NOW - 30, NOW, "ok"],
    ["agree long after, when the store has been quiet", NOW + 30 * DAY, NOW, "ok"],
    ["disagree when the ring comes from the future", NOW - 31, NOW, "fail"],
    ["disagree when the store's date does", NOW, NOW + 31, "fail"],
    ["had better agree when the node that committed was ahead of the store", NOW + 60, NOW - 31, "warn"],
    ["cannot be compared where the store tells none", NOW, null, "ok"],
    ["are compared all the same with what the node wrote", NOW - 31, null, "fail"],
  ] as const)("%s", (_, now, storedAt, verdict) => {
    expect(checkStoreClock(evidence(ring, storedAt), now)).toMatchObject({ name: "store-clock", verdict });
  });
});

describe("the clock and that of the public URL", () => {
  const at = (instant: number) => new Date(instant * 1000).toUTCString();

  it.each([
    ["agree", {}, "ok"],
    ["agree while an answer is under way", { askedAt: NOW - 20, date: at(NOW - 10) }, "ok"],
    ["agree when a cache kept the answer for long", { date: at(NOW - 500), ageSeconds: 500 }, "ok"],
    ["differ by more than half the skew", { date: at(NOW + 18) }, "warn"],
    ["differ by more than the skew, ahead", { date: at(NOW + 33) }, "fail"],
    ["differ by more than the skew, behind", { date: at(NOW - 33) }, "fail"],
    ["differ although a cache hides it", { date: at(NOW - 500), ageSeconds: 600 }, "fail"],
    ["cannot be compared without a Date", { date: null }, "warn"],
    ["cannot be compared with nonsense", { date: "yesterday" }, "warn"],
  ] as const)("%s", (_, change, verdict) => {
    expect(checkJwksClock(answered(change), 30)).toMatchObject({ name: "jwks-clock", verdict });
  });
});

describe("what caches are told", () => {
  it.each([
    ["what keyturn sends", "public, max-age=530, must-revalidate", "ok"],
    ["less", "max-age=60", "ok"],
    ["nothing at all", null, "fail"],
    ["nothing about time", "public", "fail"],
    ["a time that is none", "public, max-age=soon", "fail"],
    ["a second more than the policy has", "public, max-age=531", "fail"],
    ["an hour, as CDNs like to", "public, max-age=3600", "fail"],
    ["more for shared caches", "public, max-age=60, s-maxage=3600", "fail"],
    ["more, in capitals and quotes", 'Public, Max-Age="3600"', "fail"],
    ["twice, and the longer counts", "max-age=60, max-age=3600", "fail"],
    ["to go on when stale", "public, max-age=530, stale-while-revalidate=60", "fail"],
    ["to go on when stale, for no longer in all", "max-age=500, stale-if-error=30", "ok"],
    ["to keep out", "no-store", "warn"],
    ["to keep out when shared", "private, max-age=60", "warn"],
  ] as const)("%s", (_, cacheControl, verdict) => {
    expect(checkJwksCaching(answered({ cacheControl }), POLICY)).toMatchObject({
      name: "jwks-caching",
      verdict,
    });
  });

  it("shows the sum and no control characters", () => {
    const { what } = checkJwksCaching(answered({ cacheControl: "max-age=3600\u0085" }), POLICY);
    expect(what).toContain('"max-age=3600?" lets caches keep the JWKS for 60m; the policy has 8m50s');
  });

  it("is one thing, and what they do another", () => {
    expect(checkJwksCaching(answered({ ageSeconds: 530 }), POLICY).verdict).toBe("ok");
    expect(checkJwksCaching(answered({ ageSeconds: 531 }), POLICY)).toMatchObject({
      verdict: "fail",
      fix: expect.stringContaining("purge"),
    });
  });

  it("should let them ask whether anything has changed", () => {
    expect(checkJwksCaching(answered({ etag: null, revalidates: false }), POLICY).verdict).toBe("warn");
    expect(checkJwksCaching(answered({ revalidates: false }), POLICY).verdict).toBe("warn");
  });
});

describe("the kids that the public sees", () => {
  /** refresh 30 + 2 × fetch 5 + skew 30 + max-age 530 */
  const CACHED = 600;
  const sample = turnedOver();
  const { ring, now } = sample;
  const whole = publicJwks(ring, now);
  const seen = (keys: readonly unknown[], of: KeyRing = ring, at = now) =>
    checkJwksKids(answered({ document: { keys, ring: of.id, generation: 1 } }), of, at);

  it("are those of the ring", () => {
    expect(seen(whole.keys)).toMatchObject({ name: "jwks-kids", verdict: "ok" });
    expect(seen(whole.keys).what).toContain(`${whole.keys.length} published keys`);
  });

  it("lack the emitter: its tokens are refused, however new it is", () => {
    const emitter = sample.emitter();
    const without = whole.keys.filter(({ kid }) => kid !== kidOf(emitter));
    expect(seen(without)).toMatchObject({ verdict: "fail", what: expect.stringContaining(kidOf(emitter)) });
  });

  it("lack a new key for no longer than caches may keep the JWKS from before", () => {
    const [standby] = ring.keys.slice(-1);
    const publishedAt = standby?.publishedAt as number;
    const without = whole.keys.filter(({ kid }) => kid !== standby?.kid);
    expect(seen(without, ring, publishedAt + CACHED).verdict).toBe("warn");
    expect(seen(without, ring, publishedAt + CACHED + 1).verdict).toBe("fail");
  });

  it("lack a key that waits for being seen", () => {
    const { ring } = sampleRing({}, { probe: true });
    const first = publicJwks(ring, NOW).keys.slice(0, 1);
    expect(seen(first, ring, NOW + DAY)).toMatchObject({
      verdict: "warn",
      what: expect.stringContaining("its hold starts when it does"),
    });
  });

  it("have one that the ring never published, named so that no terminal is steered", () => {
    const foreign = seen([...whole.keys, { kty: "RSA", kid: "their\u001b[2Jkey" }]);
    expect(foreign.verdict).toBe("fail");
    expect(foreign.what).toContain("their?[2Jkey, which this ring never published");
  });

  it("have another key under a kid of the ring", () => {
    const swapped = whole.keys.map((key, i) => (i === 0 ? { ...key, x: "other" } : key));
    expect(seen(swapped)).toMatchObject({
      verdict: "fail",
      what: expect.stringContaining("another key under"),
    });
  });

  it("still have a revoked one, which is late after the bound", () => {
    const revoked = sampleRing();
    revoked.commit(revoke(revoked.ring, kidOf(2), "leaked", NOW, null));
    const before = publicJwks(sampleRing().ring, NOW).keys;
    expect(seen(before, revoked.ring, NOW + 1200)).toMatchObject({
      verdict: "warn",
      what: expect.stringContaining("which was revoked"),
    });
    expect(seen(before, revoked.ring, NOW + 1201).verdict).toBe("fail");
  });

  it("still have one whose time is over, which harms nobody before the bound", () => {
    const retiring = ring.keys.find(({ acceptUntil }) => acceptUntil !== null);
    const end = retiring?.acceptUntil as number;
    expect(seen(whole.keys, ring, end + 1200).verdict).toBe("ok");
    expect(seen(whole.keys, ring, end + 1201).verdict).toBe("fail");
  });

  it("are another ring's", () => {
    const other = checkJwksKids(answered({ document: { ...whole, ring: "other" } }), ring, now);
    expect(other).toMatchObject({ verdict: "fail", what: "The public JWKS is that of another ring." });
  });

  it("are not judged by what is no key", () => {
    expect(seen([...whole.keys, null, 1, {}, { kid: 5 }]).verdict).toBe("ok");
  });
});
