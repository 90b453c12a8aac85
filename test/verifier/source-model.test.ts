/**
 * Random hours of an issuer, an endpoint and a network, against a model that knows only what the
 * endpoint has answered: what a verifier may believe, for how long, and how often it may ask.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { createVerifier, type Verifier, type VerifyError } from "../../src/verifier/index.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import { AUDIENCE, encode, ISSUER, JWKS_URL, NOW, sampleClaims, sampleKey } from "./sample-issuer.ts";
import {
  answers,
  CUT_OFF,
  ENDLESS,
  HTML,
  jwks,
  OUTAGE,
  type Reply,
  STALL,
  settled,
  tokenOf,
} from "./scripted-issuer.ts";

const FRESH = 600;
/** Four fifths, as `random` stands still in the middle. */
const DUE = 480;
const STALE = 3600;
const YEAR = 365 * 86_400;

const KEYS = Array.from({ length: 6 }, (_, index) => sampleKey("EdDSA", `pool-${index}`));
/** Old enough for any clock. */
const TOKENS = KEYS.map((key) => tokenOf(key, { iat: NOW - YEAR }));
const FORGED_CLAIMS = encode(JSON.stringify(sampleClaims({ iat: NOW - YEAR, exp: NOW + YEAR })));
const FORGED_SIGNATURE = encode(new Uint8Array(64));

const BROKEN: Readonly<Record<string, Reply>> = {
  outage: OUTAGE,
  stall: STALL,
  html: HTML,
  endless: ENDLESS,
  "cut off": CUT_OFF,
  busy: answers(500, { "Retry-After": "20" }),
  redirect: answers(302, { Location: "https://elsewhere.example/" }),
};

type Step =
  | { do: "pass"; seconds: number }
  | { do: "endpoint"; is: string }
  | { do: "publish" | "retire" | "emergency" | "revoke" }
  | { do: "step back"; seconds: number }
  | { do: "pause"; seconds: number }
  | { do: "flood"; kids: number }
  | { do: "sync"; key: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      seconds: fc.oneof(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 700 }),
        fc.integer({ min: 1, max: 10_000 }),
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("endpoint" as const),
      is: fc.constantFrom("well", "well", "well", "well", "older", "older", ...Object.keys(BROKEN)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("publish", "retire", "emergency") }) },
  { weight: 1, arbitrary: fc.constant({ do: "revoke" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("step back", "pause"),
      seconds: fc.integer({ min: 1, max: 5000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("flood" as const), kids: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sync" as const), key: fc.nat(KEYS.length - 1) }) },
);

interface Edition {
  readonly generation: number;
  readonly listed: readonly number[];
}

/** What the endpoint has vouched for last, as one who watches the wire knows it. */
interface Believed extends Edition {
  readonly wall: number;
  readonly sinceBoot: number;
}

class World {
  readonly clock: ManualClock = manualClock(NOW);
  readonly verifier: Verifier;
  readonly revoked = new Set<number>();
  endpoint = "well";
  editions: Edition[] = [{ generation: 1, listed: [0] }];
  believed: Believed | null = null;
  newest = 0;
  forged = 0;
  failures = 0;
  notBefore = 0;
  /** The first request that should not have been sent. */
  violation: unknown = null;
  /** Requests for kids that nobody knows, as the budget allows them. */
  budget = 2;
  paidAt: number;

  constructor(tokenCache: boolean) {
    this.paidAt = this.clock.sinceBoot;
    this.verifier = createVerifier({
      issuer: ISSUER,
      audience: AUDIENCE,
      jwksUrl: JWKS_URL,
      clock: this.clock,
      random: () => 0.5,
      fetch: async (_, init) => {
        const request = new Headers(init?.headers);
        try {
          this.expectAllowed(request);
        } catch (error) {
          // To the verifier it would be a failed request like any other.
          this.violation ??= error;
        }
        return this.answer(request);
      },
      ...(tokenCache ? {} : { tokenCache }),
    });
  }

  get current(): Edition {
    return this.editions.at(-1) as Edition;
  }

  age(): number {
    if (this.believed === null) return Number.POSITIVE_INFINITY;
    const { wall, sinceBoot } = this.believed;
    return Math.max(this.clock.wall - wall, this.clock.sinceBoot - sinceBoot);
  }

  answer(request: Headers): Response | Promise<Response> {
    const broken = BROKEN[this.endpoint];
    if (broken !== undefined) {
      this.failed(this.endpoint === "busy" ? 20 : 0);
      return broken(request);
    }
    const served = this.endpoint === "older" ? (this.editions.at(-2) ?? this.current) : this.current;
    const isUsable = this.age() < FRESH + STALE;
    if (isUsable && served.generation < (this.believed?.generation ?? 0)) this.failed(0);
    else {
      this.believed = { ...served, wall: this.clock.wall, sinceBoot: this.clock.sinceBoot };
      this.failures = 0;
    }
    const headers = { ETag: `"${served.generation}"`, "Cache-Control": `max-age=${FRESH}` };
    const listed = served.listed.map((index) => KEYS[index] as (typeof KEYS)[number]);
    return jwks(listed, { headers, ring: "one", generation: served.generation })(request);
  }

  failed(retryAfterSeconds: number): void {
    this.failures++;
    const own = 0.75 * Math.min(2 ** (this.failures - 1), 30);
    this.notBefore = this.clock.sinceBoot + Math.max(own, retryAfterSeconds);
  }

  /** After a failure the back-off; ahead of the end one request; before that only what the budget pays. */
  expectAllowed(request: Headers): void {
    const { sinceBoot } = this.clock;
    expect(request.get("If-None-Match")).toBe(
      this.believed === null || this.failures > 0 ? null : `"${this.believed.generation}"`,
    );
    if (this.failures > 0) expect(sinceBoot).toBeGreaterThanOrEqual(this.notBefore);
    else if (this.age() < DUE) {
      this.budget = Math.min(2, this.budget + (sinceBoot - this.paidAt) / 30) - 1;
      this.paidAt = sinceBoot;
      expect(this.budget).toBeGreaterThanOrEqual(-1e-6);
    }
  }

  take(step: Step): void {
    const { listed, generation } = this.current;
    const edition = (next: readonly number[]) =>
      this.editions.push({ generation: generation + 1, listed: [...new Set(next)] });
    const another = () => {
      this.newest = (this.newest + 1) % KEYS.length;
      return this.newest;
    };
    if (step.do === "pass") this.clock.advance(step.seconds);
    else if (step.do === "endpoint") this.endpoint = step.is;
    else if (step.do === "step back") this.clock.wall -= step.seconds;
    else if (step.do === "pause") this.clock.wall += step.seconds;
    else if (step.do === "publish") edition([...listed.slice(-3), another()]);
    else if (step.do === "retire") edition(listed.slice(1));
    else if (step.do === "emergency") edition([...listed.slice(0, -1), another()]);
    else if (step.do === "revoke" && this.revoked.size < 2) {
      this.revoked.add(this.newest);
      this.verifier.revoke(`pool-${this.newest}`);
    }
  }

  /** Verifies a token of this key, waits for what it sets off, and judges the verdict. */
  async verify(key: number): Promise<void> {
    const before = this.view(key);
    const works: Promise<unknown>[] = [];
    const verdict = await this.verifier
      .verify(TOKENS[key] as string, { waitUntil: (work) => void works.push(work) })
      .then(() => "accepted", reasonOf);
    await Promise.all(works);
    const after = this.view(key);

    const isListed = after.isListed && (before.isListed || !before.isUsable);
    if (this.revoked.has(key)) expect(verdict).not.toBe("accepted");
    else if (isListed && after.isUsable) expect(verdict).toBe("accepted");
    if (verdict === "accepted")
      expect((before.isUsable && before.isListed) || (after.isUsable && after.isListed)).toBe(true);
    if (!before.isUsable && !after.isUsable) expect(verdict).toMatch(/^keys_(not_loaded|expired)$/);
    // Only keys that the issuer has vouched for of late can tell that there is no such key.
    if (verdict === "kid_unknown") {
      expect(Math.min(before.age, after.age)).toBeLessThan(FRESH);
      expect(this.failures).toBe(0);
    }
    // Whoever answers is heard, as soon as the back-off allows: that bounds what a revoked key can do.
    if (this.endpoint === "well" && this.failures === 0) expect(after.age).toBeLessThan(FRESH);
  }

  view(key: number) {
    const age = this.age();
    return { age, isUsable: age < FRESH + STALE, isListed: this.believed?.listed.includes(key) === true };
  }

  async flood(kids: number): Promise<void> {
    for (let one = 0; one < kids; one++) {
      const header = encode(JSON.stringify({ alg: "EdDSA", kid: `random-${this.forged++}` }));
      const token = `${header}.${FORGED_CLAIMS}.${FORGED_SIGNATURE}`;
      const verdict = await this.verifier.verify(token).then(() => "accepted", reasonOf);
      expect(verdict).toMatch(/^(kid_unknown|keys_not_loaded|keys_expired)$/);
    }
  }

  /** verifySync may ask for patience, or not be there on this runtime, but judges no listed key's token wrongly. */
  sync(key: number): void {
    const { age, isUsable, isListed } = this.view(key);
    let verdict = "accepted";
    try {
      this.verifier.verifySync(TOKENS[key] as string);
    } catch (error) {
      verdict = reasonOf(error);
    }
    if (verdict === "accepted") expect(isListed && isUsable && !this.revoked.has(key)).toBe(true);
    else if (isListed && !this.revoked.has(key) && verdict !== "alg_unsupported") {
      expect(verdict).toBe("keys_not_ready");
      expect(age).toBeGreaterThanOrEqual(FRESH);
    }
  }

  expectBounded(): void {
    expect(Object.keys(this.verifier.stats().kids).length).toBeLessThanOrEqual(KEYS.length);
    expect(this.verifier.health().issuers[0]?.kids.length).toBeLessThanOrEqual(KEYS.length);
    expect(this.verifier.health().issuers[0]?.ageSeconds).toBe(this.believed === null ? null : this.age());
  }
}

function reasonOf(error: unknown): string {
  const { reason, code } = error as VerifyError;
  return reason ?? code ?? String(error);
}

it("believes what was vouched for, for as long as it may, and asks no more than it may", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { minLength: 60, maxLength: 60 }),
      fc.boolean(),
      async (walk, tokenCache) => {
        const world = new World(tokenCache);
        for (const [at, step] of walk.entries()) {
          world.take(step);
          if (step.do === "flood") await world.flood(step.kids);
          if (step.do === "sync") {
            world.sync(step.key);
            await settled();
          }
          await world.verify(world.newest);
          await world.verify(at % KEYS.length);
          if (world.violation !== null) throw world.violation;
        }
        world.expectBounded();
      },
    ),
    { numRuns: 300 },
  );
});
