import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KeyManager } from "../../src/manager/manager.ts";
import type { SignedToken } from "../../src/manager/token.ts";
import { json, refused, result } from "./keyturn.ts";
import { kidOf, turnedOver } from "./turned-over.ts";

let place: string;
let keys: KeyManager;
let token: string;

// None of them changes the ring, so one does for all.
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "keyturn-token-"));
  keys = await turnedOver(place);
  token = (
    await result(place, [
      "sign",
      "--sub",
      "user-1",
      "--aud",
      "orders",
      "--issuer",
      "https://auth.example.com",
    ])
  ).trim();
});
afterAll(() => rm(place, { recursive: true }));

const ISSUED = ["--issuer", "https://auth.example.com"];
const INVALID = { status: 1, code: "token_invalid" };
const usage = { status: 2, code: "usage" };

describe("sign", () => {
  it("prints a token of the emitter and nothing else", async () => {
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(decodeProtectedHeader(token)).toEqual({ alg: "ES256", typ: "JWT", kid: kidOf(keys, "emitting") });
    expect(decodeJwt(token)).toMatchObject({ iss: "https://auth.example.com", sub: "user-1", aud: "orders" });
  });

  it("takes claims as JSON, a lifetime and a typ; flags win over claims of that name", async () => {
    const claims = ["--claims", '{"role":"admin","sub":"nobody"}', "--sub", "user-1"];
    const signed = await json<SignedToken>(place, [
      "sign",
      ...claims,
      "--expires-in-seconds",
      "60",
      "--token-typ",
      "at+jwt",
    ]);
    const { iat = 0, exp, ...payload } = decodeJwt(signed.token);
    expect(payload).toMatchObject({ role: "admin", sub: "user-1" });
    expect(exp).toBe(iat + 60);
    expect(signed).toEqual({ token: signed.token, kid: kidOf(keys, "emitting"), expiresAt: exp });
    expect(decodeProtectedHeader(signed.token).typ).toBe("at+jwt");
  });

  it("refuses what cannot be signed, with the flag to change", async () => {
    const cases: readonly [string[], { status: number; code: string }, string][] = [
      [["--claims", "{role:admin}"], usage, "--claims is not a JSON object"],
      [["--claims", '{"iss":"x"}'], { status: 1, code: "claims_invalid" }, '"iss" is set by the signer'],
      [["--expires-in-seconds", "1h"], usage, "--expires-in-seconds is not a whole number"],
      [["--expires-in-seconds", "901"], { status: 1, code: "lifetime_too_long" }, "15m1s"],
    ];
    await Promise.all(
      cases.map(async ([args, expected, message]) => {
        expect(await refused(place, ["sign", ...args], expected)).toContain(message);
      }),
    );
  });
});

describe("verify", () => {
  it("takes what sign has printed, and shows the kid, the expiry and the claims", async () => {
    const said = await result(place, ["verify", "--aud", "orders", ...ISSUED], { input: `${token}\n` });
    expect(said).toMatch(
      new RegExp(`^valid, signed by ${kidOf(keys, "emitting")}, expires \\S+ \\S+ UTC\n\\{`),
    );
    const verified = await json(place, ["verify", ...ISSUED], { input: token });
    expect(verified).toEqual({ kid: kidOf(keys, "emitting"), claims: decodeJwt(token) });
  });

  it("refuses every other token, says why, and never prints it", async () => {
    const [header = "", , signature = ""] = token.split(".");
    const stranger = await turnedOverElsewhere();
    // Its clock stands a minute back.
    const expired = (await keys.sign({}, { expiresInSeconds: 1 })).token;
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: "admin" })).toString("base64url");
    const cases: readonly [string, string, RegExp][] = [
      ["expired", expired, /\(expired\)/],
      ["forged", `${header}.${forged}.${signature}`, /\(signature_invalid\)/],
      ["of another ring", stranger, /\(kid_unknown\)/],
      ["no token", "hunter2-hunter2-hunter2", /\(token_malformed\)/],
    ];
    await Promise.all(
      cases.map(async ([what, input, why]) => {
        const said = await refused(
          place,
          ["verify", ...(what === "expired" ? ["--issuer", keys.issuer] : ISSUED)],
          INVALID,
          {
            input,
          },
        );
        expect(said, what).toMatch(why);
        for (const part of input.split(".").filter(({ length }) => length > 20))
          expect(said).not.toContain(part);
      }),
    );
  });

  it("refuses a token for another audience or of another issuer", async () => {
    expect(
      await refused(place, ["verify", "--aud", "billing", ...ISSUED], INVALID, { input: token }),
    ).toContain("(audience_refused)");
    expect(await refused(place, ["verify"], INVALID, { input: token })).toMatch(
      /\(issuer_refused\).*\n.*issuer http:\/\/127\.0\.0\.1:3000 and/,
    );
  });

  it("asks for a token where none comes in", async () => {
    expect(await refused(place, ["verify"], usage, { input: " \n" })).toContain("Standard input is empty");
  });
});

describe("verify with the JWKS of a URL", () => {
  async function serving(listener: RequestListener) {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    return { url: `http://127.0.0.1:${port}/jwks`, close: () => server.close() };
  }

  it("needs no ring", async () => {
    const { url, close } = await serving((_request, response) => response.end(JSON.stringify(keys.jwks())));
    const elsewhere = tmpdir();
    const verified = await json(elsewhere, ["verify", "--jwks", url, "--aud", "orders"], { input: token });
    expect(verified).toMatchObject({ claims: { sub: "user-1" } });
    const wrong = ["verify", "--jwks", url, "--issuer", "https://other.example.com"];
    expect(await refused(elsewhere, wrong, INVALID, { input: token })).toContain("(issuer_refused)");
    close();
  });

  it("tells a JWKS that does not come from a token that does not verify", async () => {
    const broken = await serving((_request, response) => response.writeHead(500).end());
    const page = await serving((_request, response) => response.end("<html>"));
    const gone = await serving(() => {});
    gone.close();
    const unavailable = { status: 5, code: "jwks_unavailable" };
    const cases: readonly [string, { status: number; code: string }, RegExp][] = [
      ["jwks.json", usage, /--jwks is not an https URL/],
      [broken.url, unavailable, /\(status 500\)/],
      [page.url, unavailable, /\(not_a_jwks\)/],
      [gone.url, unavailable, /\(network\)/],
      [gone.url.replace("//", "//user:hunter2@"), usage, /without a password/],
      ["http://auth.example.com/jwks", usage, /http URL on loopback/],
    ];
    await Promise.all(
      cases.map(async ([url, expected, why]) => {
        const said = await refused(place, ["verify", "--jwks", url], expected, { input: token });
        expect(said).toMatch(why);
        expect(said).not.toContain("hunter2");
      }),
    );
    broken.close();
    page.close();
  });
});

/** A token that nobody here can know. */
async function turnedOverElsewhere(): Promise<string> {
  const elsewhere = await mkdtemp(join(tmpdir(), "keyturn-token-"));
  const stranger = await turnedOver(elsewhere);
  const { token: foreign } = await stranger.sign({ sub: "user-1" });
  await rm(elsewhere, { recursive: true });
  return foreign;
}
