import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jwksChangesAt, jwksEtag, publicJwks, publicMembers } from "../../src/ring/jwks.ts";
import type { KeyRing, PublicJwk } from "../../src/ring/ring.ts";
import { happenings, live } from "./happening.ts";
import { fakeKey, kidOf, NOW, sampleRing, turnedOver } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

function kidsAt(ring: KeyRing, now: number): string[] {
  return publicJwks(ring, now).keys.map(({ kid }) => kid);
}

describe("the JWKS", () => {
  it("shows what a verifier needs of each key, and which ring and generation it is", () => {
    const { ring } = sampleRing({ standby: false });
    expect(publicJwks(ring, NOW)).toEqual({
      keys: [{ kty: "EC", crv: "P-256", x: "x1", y: "y1", kid: kidOf(1), alg: "ES256", use: "sig" }],
      ring: "sample-ring",
      generation: 1,
    });
  });

  it.each(["ES256", "RS256", "EdDSA", "ML-DSA-44"] as const)(
    "never shows a private member that found its way into an %s key",
    (alg) => {
      const secret = "canary";
      const members = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "key_ops", "ext", "sealedJwk"];
      const smuggled = Object.fromEntries(members.map((member) => [member, secret]));
      const { publicJwk } = fakeKey(1, alg);
      const { ring } = sampleRing({ alg });
      const keys = ring.keys.map((key) => ({
        ...key,
        publicJwk: { ...smuggled, ...publicJwk } as PublicJwk,
      }));
      expect(JSON.stringify(publicJwks({ ...ring, keys }, NOW))).not.toContain(secret);
      expect(publicMembers({ ...smuggled, ...publicJwk } as PublicJwk)).toEqual(publicJwk);
    },
  );

  it("drops a retiring key at the instant promised, with no commit", () => {
    const { ring, key } = turnedOver();
    const until = key(1).acceptUntil ?? 0;
    expect(kidsAt(ring, until - 1)).toEqual([kidOf(1), kidOf(2), kidOf(3)]);
    expect(kidsAt(ring, until)).toEqual([kidOf(2), kidOf(3)]);
  });

  it("is never empty and never shows a revoked key, whatever happens", () => {
    fc.assert(
      fc.property(soundPolicies, happenings, (policy, history) => {
        const sample = sampleRing(policy);
        for (const happening of history) {
          live(sample, happening);
          const revoked = new Set(sample.ring.tombstones.map(({ kid }) => kid));
          for (const at of [sample.now, sample.now + 5000, sample.now + 1_000_000_000]) {
            const kids = kidsAt(sample.ring, at);
            if (kids.length === 0) throw new Error("The JWKS is empty.");
            if (kids.some((kid) => revoked.has(kid))) throw new Error("A revoked key is shown.");
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("the instant at which the JWKS changes by itself", () => {
  it("is the end of the retiring key's time", () => {
    const { ring, now, key } = turnedOver();
    const until = key(1).acceptUntil ?? 0;
    expect([jwksChangesAt(ring, now), jwksChangesAt(ring, until - 1)]).toEqual([until, until]);
    expect(jwksChangesAt(ring, until)).toBeNull();
  });

  it("is the end of the first one's time where several retire, and then of the next one's", () => {
    const { ring, now, key } = turnedOver({ rotateEverySeconds: 1200, tokenSeconds: 3600 }).runTo("emit");
    const [first, second] = [key(1).acceptUntil ?? 0, key(2).acceptUntil ?? 0];
    expect(second).toBeGreaterThan(first);
    expect([jwksChangesAt(ring, now), jwksChangesAt(ring, first)]).toEqual([first, second]);
  });

  it("is none when nothing retires", () => {
    expect(jwksChangesAt(sampleRing().ring, NOW)).toBeNull();
  });

  it("is the next change and none comes before it, whatever happened", () => {
    fc.assert(
      fc.property(soundPolicies, happenings, (policy, history) => {
        const sample = sampleRing(policy);
        for (const happening of history) {
          live(sample, happening);
          const { ring, now } = sample;
          const changesAt = jwksChangesAt(ring, now);
          const before = kidsAt(ring, (changesAt ?? now + 1_000_000_000) - 1);
          if (before.join() !== kidsAt(ring, now).join()) throw new Error("It changed before.");
          if (changesAt !== null && kidsAt(ring, changesAt).join() === before.join())
            throw new Error("It did not change.");
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("the entity tag", () => {
  it("is a strong one in quotes, without a character that a header could not carry", () => {
    const { ring } = sampleRing();
    expect(jwksEtag(ring, NOW)).toMatch(/^"[A-Za-z0-9_.-]+"$/);
  });

  it("changes if and only if the body changes: by a commit, by the clock, and back by a clock set back", () => {
    fc.assert(
      fc.property(soundPolicies, happenings, (policy, history) => {
        const sample = sampleRing(policy);
        const bodyOf = new Map<string, string>();
        const etagOf = new Map<string, string>();
        for (const happening of history) {
          live(sample, happening);
          const { ring, now } = sample;
          const turns = ring.keys.flatMap(({ acceptUntil: at }) => (at === null ? [] : [at - 1, at]));
          for (const at of [now, now - 100, ...turns]) {
            const body = JSON.stringify(publicJwks(ring, at));
            const etag = jwksEtag(ring, at);
            if ((bodyOf.get(etag) ?? body) !== body) throw new Error("One tag, two bodies.");
            if ((etagOf.get(body) ?? etag) !== etag) throw new Error("One body, two tags.");
            bodyOf.set(etag, body);
            etagOf.set(body, etag);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
