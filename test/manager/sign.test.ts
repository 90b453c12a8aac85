import { createPublicKey, type JsonWebKeyInput } from "node:crypto";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import type { KeyManager } from "../../src/manager/manager.ts";
import type { Algorithm } from "../../src/ring/algorithm.ts";
import { ISSUER, kidIn, openAlone } from "./fleet.ts";
import { manualClock, START } from "./manual-clock.ts";

/** What an ordinary consumer does with the JWKS. */
function verified(token: string, keys: KeyManager, now: number) {
  const jwks = createLocalJWKSet(JSON.parse(JSON.stringify(keys.jwks())));
  return jwtVerify(token, jwks, { issuer: ISSUER, audience: "orders", currentDate: new Date(now * 1000) });
}

describe("a signed token", () => {
  for (const alg of ["ES256", "ES384", "ES512", "EdDSA", "RS256", "PS256"] as Algorithm[]) {
    it(`verifies with jose and the JWKS under ${alg}`, async () => {
      const { keys } = await openAlone({ policy: { alg, rsaBits: 2048, standby: false } });
      const { token, kid, expiresAt } = await keys.sign({ sub: "user-1", aud: "orders" });
      const { payload, protectedHeader } = await verified(token, keys, START);
      expect(protectedHeader).toEqual({ alg, typ: "JWT", kid: keys.status().emitter });
      expect(kid).toBe(keys.status().emitter);
      expect(payload).toMatchObject({ iss: ISSUER, sub: "user-1", iat: START, exp: expiresAt });
    });
  }

  for (const alg of ["ES256", "ES384", "ES512", "RS256", "PS256"] as const) {
    it(`verifies with jsonwebtoken and the JWK of its kid under ${alg}`, async () => {
      const { keys } = await openAlone({ policy: { alg, rsaBits: 2048 } });
      const { token, kid } = await keys.sign({ sub: "user-1", aud: "orders" });
      const key = keys.jwks().keys.find((jwk) => jwk.kid === kid);
      const publicKey = createPublicKey({ key, format: "jwk" } as unknown as JsonWebKeyInput);
      const options = { algorithms: [alg], issuer: ISSUER, audience: "orders", clockTimestamp: START + 899 };
      expect(jsonwebtoken.verify(token, publicKey, options)).toMatchObject({ sub: "user-1" });
      expect(() =>
        jsonwebtoken.verify(token, publicKey, { ...options, clockTimestamp: START + 900 }),
      ).toThrow("expired");
    });
  }

  it("verifies a hundred times over with signatures of every length that DER gives them", async () => {
    const { keys } = await openAlone({ policy: { alg: "ES512" } });
    for (let time = 0; time < 100; time++) {
      const { token } = await keys.sign({ aud: "orders", time });
      expect((await verified(token, keys, START)).payload["time"]).toBe(time);
    }
  });

  it("does not verify once a bit of it is changed", async () => {
    const { keys } = await openAlone();
    const { token } = await keys.sign({ aud: "orders", admin: false });
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const forged = Buffer.from(
      Buffer.from(payload, "base64url").toString().replace("false", "true "),
    ).toString("base64url");
    await expect(verified(`${header}.${forged}.${signature}`, keys, START)).rejects.toThrow("signature");
  });

  it("has a jti of its own", async () => {
    const { keys } = await openAlone();
    const tokens = await Promise.all(Array.from({ length: 500 }, () => keys.sign({})));
    expect(new Set(tokens.map(({ token }) => decodeJwt(token).jti)).size).toBe(500);
  });

  it("takes iat and exp from one reading of the clock, the one of the lease check", async () => {
    const clock = manualClock();
    let readings = 0;
    const { keys } = await openAlone({
      clock: {
        ...clock,
        now() {
          readings += 1;
          return START + readings;
        },
      },
    });
    readings = 0;
    const { token, expiresAt } = await keys.sign({});
    expect(decodeJwt(token)).toMatchObject({ iat: START + 1, exp: START + 901 });
    expect(expiresAt).toBe(START + 901);
  });

  it("has whole seconds for iat and exp whenever it is signed", async () => {
    const { keys, clock } = await openAlone();
    clock.advance(17);
    expect(decodeJwt((await keys.sign({})).token)).toMatchObject({ iat: START + 17, exp: START + 917 });
  });

  it("carries the typ that the node is configured with", async () => {
    const { keys } = await openAlone({ tokenTyp: "at+jwt" });
    expect(decodeProtectedHeader((await keys.sign({})).token)).toMatchObject({ typ: "at+jwt" });
  });

  it("is signed by the emitter and never by the standby", async () => {
    const { keys } = await openAlone();
    const kids = await Promise.all(Array.from({ length: 20 }, async () => (await keys.sign({})).kid));
    expect(new Set(kids)).toEqual(new Set([kidIn(keys, "emitting")]));
  });

  it("reads the store no more than the refreshes do", async () => {
    const { keys, store, clock } = await openAlone();
    const { load } = store.calls;
    for (let second = 0; second < 120; second++) {
      await keys.sign({});
      clock.advance(1);
    }
    expect(store.calls.load).toBe(load);
  });
});
