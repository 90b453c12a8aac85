/** The operator's own word against a key, which stands whatever the issuer says. */
import { describe, expect, it } from "vitest";
import { sampleKey } from "./sample-issuer.ts";
import { jwks, KEY, NEXT_KEY, scene, tokenOf, warmScene } from "./scripted-issuer.ts";

describe("revoke", () => {
  it("refuses a key at once, for tokens that were verified before too", async () => {
    const { verifier, verdict, verdictSync, fetches } = await warmScene({}, jwks([KEY, NEXT_KEY]));
    const token = tokenOf(KEY);
    await verdict(token);
    verifier.revoke("key-1");
    expect(await verdict(token)).toBe("kid_revoked");
    expect(verdictSync(token)).toBe("kid_revoked");
    expect(verdictSync()).toBe("kid_revoked");
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    expect(fetches()).toBe(0);
    expect(verifier.health().issuers[0]?.kids).toEqual(["key-2"]);
  });

  it("is 401: the token will never be good", async () => {
    const { verifier } = await warmScene();
    verifier.revoke("key-1");
    await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject({ code: "token_invalid", status: 401 });
  });

  it("outlasts every refresh that still lists the key", async () => {
    const { verifier, verdict, clock } = await warmScene();
    verifier.revoke("key-1");
    for (let day = 0; day < 3; day++) {
      clock.advance(86_400);
      await verifier.warm();
      expect(await verdict()).toBe("kid_revoked");
    }
  });

  it("refuses new material under the same kid as well", async () => {
    const { verifier, verdict, issuer, clock } = await warmScene();
    verifier.revoke("key-1");
    const successor = sampleKey("EdDSA", "key-1", "successor");
    issuer.reply = jwks([successor]);
    clock.advance(600);
    await verifier.warm();
    expect(await verdict(tokenOf(successor))).toBe("kid_revoked");
  });

  it("holds for a key that has not been seen yet, before the first fetch and without one", async () => {
    const { verifier, verdict, issuer } = scene({}, jwks([KEY, NEXT_KEY]));
    verifier.revoke("key-2");
    await verifier.warm();
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("kid_revoked");
    expect(await verdict()).toBe("accepted");
    expect(issuer.requests).toHaveLength(1);
  });

  it("holds for one that has not been seen yet also where a token names no key", async () => {
    const { verifier, verdict } = scene();
    verifier.revoke("key-1");
    expect(await verdict(tokenOf({ ...KEY, kid: undefined as unknown as string }))).toBe("kid_missing");
  });

  it("reaches a token whose signature is being checked", async () => {
    const { verifier, verdict } = await warmScene();
    const pending = verdict();
    verifier.revoke("key-1");
    expect(await pending).toBe("kid_revoked");
  });

  it("leaves no way in for a token that names no key", async () => {
    const { verifier, verdict } = await warmScene();
    const nameless = () => {
      const unnamed = { ...KEY, kid: undefined as unknown as string };
      return tokenOf(unnamed);
    };
    expect(await verdict(nameless())).toBe("accepted");
    const token = nameless();
    await verdict(token);
    verifier.revoke("key-1");
    expect(await verdict(token)).toBe("kid_missing");
    expect(await verdict(nameless())).toBe("kid_missing");
  });

  it("is told once, and the refreshes after it change nothing that would be told", async () => {
    const { verifier, clock, events, told } = await warmScene();
    verifier.revoke("key-1");
    expect(events.at(-1)).toEqual({ type: "kid_revoked", issuer: "https://issuer.example", kid: "key-1" });
    told();
    for (let time = 0; time < 3; time++) {
      clock.advance(600);
      await verifier.warm();
    }
    expect(told()).toEqual(["jwks_fetched", "jwks_fetched", "jwks_fetched"]);
  });
});
