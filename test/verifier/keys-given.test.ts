/** Keys that are configured in place of an endpoint: for ever, and without a request. */
import { expect, it } from "vitest";
import { createVerifier } from "../../src/verifier/index.ts";
import { manualClock } from "../manager/manual-clock.ts";
import { AUDIENCE, CHECKS_AT_ONCE, ISSUER, NOW, verdictOf, verdictSyncOf } from "./sample-issuer.ts";
import { KEY, NEXT_KEY, tokenOf } from "./scripted-issuer.ts";

function given(keys: readonly object[]) {
  const clock = manualClock(NOW);
  const verifier = createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwks: { keys },
    clock,
    fetch: () => {
      throw new Error("There is nowhere to ask.");
    },
  });
  return { verifier, clock };
}

it("verifies by them without a request", async () => {
  const { verifier } = given([KEY.jwk]);
  expect(await verdictOf(verifier, tokenOf(KEY))).toBe("accepted");
  expect(await verdictOf(verifier, tokenOf(NEXT_KEY))).toBe("kid_unknown");
});

it("goes on doing so for a year, however seldom a token comes", async () => {
  const { verifier, clock } = given([KEY.jwk]);
  const token = tokenOf(KEY);
  for (let month = 0; month < 12; month++) {
    expect(await verdictOf(verifier, token)).toBe("accepted");
    expect(await verdictOf(verifier, tokenOf(KEY))).toBe("accepted");
    clock.advance(30 * 86_400);
  }
});

it.runIf(CHECKS_AT_ONCE).each([3599, 3600, 7200, 365 * 86_400])(
  "is ready for verifySync %d seconds after warm: such keys never grow old",
  async (seconds) => {
    const { verifier, clock } = given([KEY.jwk]);
    await verifier.warm();
    clock.advance(seconds);
    expect(verdictSyncOf(verifier, tokenOf(KEY))).toBe("accepted");
    expect(verifier.health().status).toBe("ok");
  },
);

it("can be revoked", async () => {
  const { verifier, clock } = given([KEY.jwk, NEXT_KEY.jwk]);
  verifier.revoke("key-1");
  expect(await verdictOf(verifier, tokenOf(KEY))).toBe("kid_revoked");
  clock.advance(86_400);
  expect(await verdictOf(verifier, tokenOf(KEY))).toBe("kid_revoked");
  expect(await verdictOf(verifier, tokenOf(NEXT_KEY))).toBe("accepted");
});
