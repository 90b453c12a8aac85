/** Several issuers in one verifier: each has its own keys, its own endpoint and its own fate. */
import { describe, expect, it } from "vitest";
import { createVerifier, type Verifier, type VerifierEvent } from "../../src/verifier/index.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import { AUDIENCE, NOW, type SampleKey, sampleKey, verdictOf } from "./sample-issuer.ts";
import {
  answers,
  jwks,
  OUTAGE,
  type ScriptedIssuer,
  scriptedIssuer,
  settled,
  tokenOf,
} from "./scripted-issuer.ts";

interface Two {
  readonly verifier: Verifier;
  readonly clock: ManualClock;
  readonly events: VerifierEvent[];
  readonly north: ScriptedIssuer;
  readonly south: ScriptedIssuer;
}

const NORTH = "https://north.example";
const SOUTH = "https://south.example";
/** The same kid, and not the same key. */
const northKey = sampleKey("EdDSA", "2027-01", "north");
const southKey = sampleKey("EdDSA", "2027-01", "south");

function twoIssuers(): Two {
  const north = scriptedIssuer(jwks([northKey]));
  const south = scriptedIssuer(jwks([southKey]));
  const clock = manualClock(NOW);
  const events: VerifierEvent[] = [];
  const verifier = createVerifier({
    issuers: [
      { issuer: NORTH, audience: AUDIENCE, jwksUrl: `${NORTH}/jwks.json` },
      { issuer: SOUTH, audience: AUDIENCE, jwksUrl: `${SOUTH}/jwks.json`, algorithms: ["EdDSA", "ES256"] },
    ],
    fetch: (url, init) => (String(url).startsWith(NORTH) ? north : south).fetch(url, init),
    clock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
  });
  return { verifier, clock, events, north, south };
}

const north = (key: SampleKey = northKey) => tokenOf(key, { iss: NORTH });
const south = (key: SampleKey = southKey) => tokenOf(key, { iss: SOUTH });

describe("two issuers with one kid", () => {
  it("are each believed by their own key", async () => {
    const { verifier } = twoIssuers();
    expect(await verdictOf(verifier, north())).toBe("accepted");
    expect(await verdictOf(verifier, south())).toBe("accepted");
    expect(await verdictOf(verifier, north(southKey))).toBe("signature_invalid");
    expect(await verdictOf(verifier, south(northKey))).toBe("signature_invalid");
  });

  it("are each asked when one of their own tokens comes", async () => {
    const two = twoIssuers();
    await verdictOf(two.verifier, north());
    expect([two.north.requests.length, two.south.requests.length]).toEqual([1, 0]);
    await verdictOf(two.verifier, south());
    expect([two.north.requests.length, two.south.requests.length]).toEqual([1, 1]);
  });

  it("are not asked for a third one's token", async () => {
    const two = twoIssuers();
    expect(await verdictOf(two.verifier, tokenOf(northKey, { iss: "https://east.example" }))).toBe(
      "issuer_refused",
    );
    expect(await verdictOf(two.verifier, tokenOf(northKey, { iss: undefined }))).toBe("issuer_refused");
    expect([two.north.requests.length, two.south.requests.length]).toEqual([0, 0]);
  });

  it("do not touch each other when one is down", async () => {
    const two = twoIssuers();
    await two.verifier.warm();
    two.south.reply = OUTAGE;
    for (let hour = 0; hour < 3; hour++) {
      two.clock.advance(3600);
      expect(await verdictOf(two.verifier, north())).toBe("accepted");
    }
    expect(await verdictOf(two.verifier, south())).toBe("keys_expired");
    expect(two.verifier.health()).toMatchObject({
      status: "down",
      issuers: [
        { issuer: NORTH, status: "ok", failures: 0 },
        { issuer: SOUTH, status: "down", failures: 1 },
      ],
    });
    expect(two.events.filter(({ type }) => type === "jwks_failed").map(({ issuer }) => issuer)).toEqual([
      SOUTH,
    ]);
  });

  it("do not spend each other's requests for unknown kids", async () => {
    const two = twoIssuers();
    await two.verifier.warm();
    for (let time = 0; time < 20; time++)
      await verdictOf(two.verifier, south(sampleKey("EdDSA", `random-${time}`, "stranger")));
    expect(two.south.requests).toHaveLength(3);
    const next = sampleKey("EdDSA", "2027-02", "north");
    two.north.reply = jwks([northKey, next]);
    expect(await verdictOf(two.verifier, north(next))).toBe("accepted");
  });

  it("do not back off for each other", async () => {
    const two = twoIssuers();
    two.south.reply = answers(503, { "Retry-After": "300" });
    await two.verifier.warm();
    expect(await verdictOf(two.verifier, south())).toBe("keys_not_loaded");
    expect(await verdictOf(two.verifier, north())).toBe("accepted");
  });

  it("are revoked one by one where the issuer is named, else together", async () => {
    const two = twoIssuers();
    const [n, s] = [north(), south()];
    await verdictOf(two.verifier, n);
    await verdictOf(two.verifier, s);
    two.verifier.revoke("2027-01", { issuer: SOUTH });
    expect(await verdictOf(two.verifier, n)).toBe("accepted");
    expect(await verdictOf(two.verifier, s)).toBe("kid_revoked");
    two.verifier.revoke("2027-01");
    expect(await verdictOf(two.verifier, n)).toBe("kid_revoked");
  });

  it("are revoked by their exact names, and a name that is none of theirs is an error", async () => {
    const { verifier } = twoIssuers();
    expect(() => verifier.revoke("2027-01", { issuer: `${SOUTH}/` })).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });

  it("do not accept each other's algorithms", async () => {
    const two = twoIssuers();
    const key = sampleKey("ES256", "2027-01", "north");
    two.north.reply = jwks([key]);
    expect(await verdictOf(two.verifier, north(key))).toBe("accepted");
    const other = sampleKey("ES384", "2027-01", "south-es384");
    two.south.reply = jwks([other]);
    expect(await verdictOf(two.verifier, south(other))).toBe("alg_refused");
    expect(two.south.requests).toHaveLength(0);
  });

  it("are both loaded by warm, and the worst of the two is the health of all", async () => {
    const two = twoIssuers();
    expect(two.verifier.health().status).toBe("cold");
    two.south.reply = OUTAGE;
    expect((await two.verifier.warm()).status).toBe("down");
    expect(await verdictOf(two.verifier, north())).toBe("accepted");
    two.south.reply = jwks([southKey]);
    two.clock.advance(1);
    expect((await two.verifier.warm()).status).toBe("ok");
    await settled();
    expect(two.north.requests).toHaveLength(1);
  });
});
