import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createLocalJWKSet, type JWK, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { newPlace, put } from "../node/place.ts";
import { json, keyturn, refused, result } from "./keyturn.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PEM = privateKey.export({ type: "pkcs1", format: "pem" }) as string;
const JWK_OF_IT = privateKey.export({ format: "jwk" });
const PASSPHRASE = "correct horse battery staple";
const AS_EMITTER = ["--import", "key.pem", "--import-kid", "2026-a", "--import-alg", "RS256"];

interface Key {
  readonly kid: string;
  readonly phase: string;
  readonly createdAt: number;
  readonly publishedAt: number | null;
  readonly imported?: true;
}

describe("init --import", () => {
  it("moves a running issuer over: its verifiers go on verifying, by the JWKS that they have", async () => {
    const place = await newPlace({ "key.pem": PEM });
    const said = await result(place, ["init", ...AS_EMITTER, "--import-created-at", "2026-03-01"]);
    expect(said).toMatch(/^Ring [\w-]{22} is in \.keyturn\/ring; 2026-a emits\.\nMade \.keyturn\/kek\n/);
    expect(said).toContain("Next: keyturn serve");
    const { keys } = await json<{ keys: Key[] }>(place, ["status"]);
    expect(keys).toMatchObject([
      { kid: "2026-a", phase: "emitting", imported: true, createdAt: Date.parse("2026-03-01") / 1000 },
      { phase: "accepted", publishedAt: null },
    ]);
    const token = (await result(place, ["sign", "--sub", "user-1"])).trim();
    const former = createPublicKey(privateKey).export({ format: "jwk" }) as JWK;
    const { payload } = await jwtVerify(
      token,
      createLocalJWKSet({ keys: [{ ...former, kid: "2026-a", alg: "RS256" }] }),
    );
    expect(payload.sub).toBe("user-1");
    expect(await result(place, ["audit", "show"])).toContain("2026-a");
  });

  it("again, says that the ring was there, and changes nothing", async () => {
    const place = await newPlace({ "key.pem": PEM });
    const first = await json<{ ring: string; generation: number }>(place, ["init", ...AS_EMITTER]);
    expect(await json(place, ["init", ...AS_EMITTER])).toMatchObject({
      ring: first.ring,
      generation: 1,
      emitter: "2026-a",
      made: [],
    });
  });

  it("into a ring of its own keys, is refused", async () => {
    const place = await newPlace({ "key.pem": PEM });
    const { emitter } = await json<{ emitter: string }>(place, ["init"]);
    const said = await refused(place, ["init", ...AS_EMITTER], { status: 1, code: "ring_exists" });
    expect(said).toContain("--folder");
    expect(await json(place, ["status"])).toMatchObject({ emitter, generation: 1 });
  });

  it("says on the side what it supposed and what it left behind, and says no secret", async () => {
    const keys = [JWK_OF_IT, { kty: "OKP", crv: "Ed25519", x: "x", kid: "old" }];
    const place = await newPlace({ "keys.json": JSON.stringify({ keys }) });
    const { status, stdout, stderr } = await keyturn(place, [
      ...["init", "--import", "keys.json", "--import-alg", "RS256"],
    ]);
    expect(status).toBe(0);
    expect(stderr).toContain("keyturn: 1 other key of the file stayed behind");
    expect(stderr).toContain("import with --import-kid");
    expect(stdout + stderr).not.toContain(JWK_OF_IT["d"]);
  });

  it("of RSA without an algorithm is not guessed, and nothing is made", async () => {
    const place = await newPlace({ "key.pem": PEM });
    const said = await refused(place, ["init", "--import", "key.pem"], { status: 2, code: "import_invalid" });
    expect(said).toContain("RS256, RS384, RS512, PS256");
    expect(await readdir(place)).toEqual(["key.pem"]);
  });

  it.each([
    [["--import-alg", "HS256"], "--import-alg names an algorithm that there is not."],
    [["--import-created-at", "last year"], "--import-created-at is no instant."],
    [["--import-created-at", "2026-13-45"], "--import-created-at is no instant."],
    [["--import-token-seconds", "1h"], "--import-token-seconds is not a whole number"],
    [["--import-jwks-cache-seconds", "-5"], "--import-jwks-cache-seconds is not a whole number"],
  ])("refuses %j", async (flags, what) => {
    const place = await newPlace({ "key.pem": PEM });
    expect(
      await refused(place, ["init", "--import", "key.pem", ...flags], { status: 2, code: "usage" }),
    ).toContain(what);
  });

  it("takes none of its options alone, which would be an ordinary init", async () => {
    const place = await newPlace();
    await refused(place, ["init", "--import-kid", "2026-a"], { status: 2, code: "usage" });
    await refused(place, ["status"], { status: 1, code: "ring_missing" });
  });

  it("takes a kid that looks like a flag", async () => {
    const place = await newPlace({ "key.pem": PEM });
    const kid = `-${"x".repeat(42)}`;
    const flags = ["--import", "key.pem", "--import-kid", kid, "--import-alg", "RS256"];
    expect(await json(place, ["init", ...flags])).toMatchObject({ emitter: kid });
  });

  it("lets a short kid be revoked by its name", async () => {
    const place = await newPlace({ "key.pem": PEM });
    await result(place, ["init", "--import", "key.pem", "--import-kid", "1", "--import-alg", "RS256"]);
    const revoke = ["revoke", "1", "--reason", "leaked", "--yes"];
    expect((await keyturn(place, revoke)).stdout).toMatch(/^1 is revoked; /);
  });
});

describe("export", () => {
  const REASON = ["--reason", "moving to another issuer", "--yes"];
  const UNDER = ["--passphrase-file", "pass"];

  async function imported(): Promise<string> {
    const place = await newPlace({ "key.pem": PEM, pass: `${PASSPHRASE}\n` });
    await result(place, ["init", ...AS_EMITTER]);
    return place;
  }

  it("is the way back: sealed under a passphrase, it opens elsewhere, and the kid stays", async () => {
    const place = await imported();
    const sealed = await result(place, ["export", ...UNDER, ...REASON]);
    expect(sealed).toMatch(/^[\w-]+(\.[\w-]+){4}\n$/);
    const next = await newPlace({ "key.jwe": sealed, pass: PASSPHRASE });
    await result(next, ["init", "--import", "key.jwe", ...UNDER]);
    expect((await json<{ keys: Key[] }>(next, ["status"])).keys[0]).toMatchObject({
      kid: "2026-a",
      alg: "RS256",
    });
    expect(await result(place, ["audit", "show"])).toMatch(
      /export +2026-a +manual by .*: moving to another issuer\n$/,
    );
  });

  it("seals any key, under the KEK as well", async () => {
    const place = await imported();
    const { keys } = await json<{ keys: Key[] }>(place, ["status"]);
    const standby = keys[1]?.kid as string;
    const exported = await json(place, ["export", standby, "--under-kek", ...REASON]);
    expect(exported).toMatchObject({ kid: standby, alg: "ES256", generation: 2 });
  });

  it("is never plain, never without a reason, and never without being meant", async () => {
    const place = await imported();
    const usage = { status: 2, code: "usage" };
    expect(await refused(place, ["export", ...REASON], usage)).toContain("--passphrase-file");
    await refused(place, ["export", ...UNDER, "--under-kek", ...REASON], usage);
    expect(await refused(place, ["export", ...UNDER, "--yes"], usage)).toContain("--reason");
    expect(await refused(place, ["export", ...UNDER, "--reason", "x"], usage)).toContain("--yes");
    await refused(place, ["export", "nobody", ...UNDER, ...REASON], { status: 1, code: "kid_unknown" });
    expect(await json(place, ["status"])).toMatchObject({ generation: 1 });
  });

  it("takes no passphrase that others can read, that is short, or that stands on the command line", async () => {
    const place = await imported();
    await put(join(place, "pass"), PASSPHRASE, 0o644);
    await refused(place, ["export", ...UNDER, ...REASON], { status: 5, code: "store_permission" });
    await put(join(place, "pass"), "hunter2");
    const short = await refused(place, ["export", ...UNDER, ...REASON], {
      status: 2,
      code: "passphrase_invalid",
    });
    expect(short).not.toContain("hunter2");
    const mistaken = await refused(place, ["export", "--passphrase-file", "hunter2", ...REASON], {
      status: 2,
      code: "passphrase_invalid",
    });
    expect(mistaken).not.toContain("hunter2");
    const inline = await keyturn(place, ["export", "--passphrase=hunter2", ...REASON]);
    expect(inline).toMatchObject({ status: 2, stdout: "" });
    expect(inline.stderr).not.toContain("hunter2");
  });
});
