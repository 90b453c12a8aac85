import { describe, expect, it } from "vitest";
import { callerOf, endedAt, phaseOf, type TokenPhase, viewOf } from "../../src/api-tokens/api-token.ts";
import { idOf, NOW, sampleToken } from "./sample-token.ts";

describe("the phase of an API token", () => {
  const overlapping = { successor: idOf("next"), overlapUntil: NOW + 600 };
  it.each<[string, Parameters<typeof sampleToken>[1], number, TokenPhase]>([
    ["without an expiry, ten years on", {}, 315_360_000, "valid"],
    ["a second before its expiry", { expiresAt: NOW + 60 }, 59, "valid"],
    ["in the last second of the leeway", { expiresAt: NOW + 60 }, 89, "valid"],
    ["when the leeway is over", { expiresAt: NOW + 60 }, 90, "expired"],
    ["with a successor", overlapping, 0, "overlapping"],
    ["in the last second of its overlap and leeway", overlapping, 629, "overlapping"],
    ["when its overlap and the leeway are over", overlapping, 630, "expired"],
    ["that expires within its overlap", { ...overlapping, expiresAt: NOW + 100 }, 130, "expired"],
    ["revoked just now", { revokedAt: NOW, revokedBecause: "x" }, 0, "revoked"],
    ["revoked by a node whose clock is ahead", { revokedAt: NOW + 20, revokedBecause: "x" }, 0, "revoked"],
    ["revoked, and long expired", { revokedAt: NOW, revokedBecause: "x", expiresAt: NOW }, 9999, "revoked"],
    ["issued by a node whose clock is ahead", { createdAt: NOW + 30 }, 0, "valid"],
  ])("%s", (_, changes, after, phase) => {
    expect(phaseOf(sampleToken("a", changes), NOW + after)).toBe(phase);
  });
});

describe("when an API token ended", () => {
  it("is nothing while it is good, then the first of what ended it", () => {
    expect(endedAt(sampleToken("a", { expiresAt: NOW + 60 }), NOW + 89)).toBeNull();
    expect(endedAt(sampleToken("a", { expiresAt: NOW + 60 }), NOW + 90)).toBe(NOW + 60);
    const rotated = { expiresAt: NOW + 6000, successor: idOf("b"), overlapUntil: NOW + 600 };
    expect(endedAt(sampleToken("a", rotated), NOW + 9000)).toBe(NOW + 600);
    const revoked = { ...rotated, revokedAt: NOW + 1, revokedBecause: "x" };
    expect(endedAt(sampleToken("a", revoked), NOW + 9000)).toBe(NOW + 1);
  });
});

describe("what is shown of an API token", () => {
  it("is all but its hash, with its phase", () => {
    const token = sampleToken("a", { scope: { audiences: ["orders"], claims: null } });
    const { hash, ...rest } = token;
    expect(viewOf(token, NOW)).toEqual({ ...rest, phase: "valid" });
    expect(JSON.stringify(viewOf(token, NOW))).not.toContain(hash);
  });

  it("is to a door who calls, and what for", () => {
    expect(callerOf(sampleToken("a"))).toEqual({
      id: idOf("a"),
      name: "orders",
      role: "signer",
      scope: null,
    });
  });
});
