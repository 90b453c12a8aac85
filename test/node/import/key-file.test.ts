import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../../src/errors.ts";
import { sealUnderPassphrase } from "../../../src/keys/portable.ts";
import { readKeyFile } from "../../../src/node/import/key-file.ts";
import { newPlace, put } from "../place.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed = generateKeyPairSync("ed25519");
const jwk = (key: KeyObject) => ({ ...key.export({ format: "jwk" }) });
const theirs = { ...jwk(ec.privateKey), kid: "2026-a" };
const others = { ...jwk(rsa.privateKey), kid: "2025-z" };

const PASSPHRASE = "correct horse battery staple";
const openers = { passphrase: PASSPHRASE, keks: async () => [] };

async function read(content: string | Uint8Array, kid: string | null = null, mode = 0o600) {
  const file = join(await newPlace(), "key");
  await put(file, content, mode);
  return readKeyFile(file, kid, openers);
}

/** The refusal, which must quote nothing of the file. */
async function refusalOf(
  content: string | Uint8Array,
  kid: string | null = null,
  mode = 0o600,
): Promise<string> {
  const error: unknown = await read(content, kid, mode).then(
    () => null,
    (refusal: unknown) => refusal,
  );
  if (!isKeyturnError(error)) throw new Error(`It was read, or ended in ${error}.`);
  const said = `${error.code}: ${error.message} ${error.fix}`;
  for (const secret of [theirs["d"], others["d"], "hunter2"]) expect(said).not.toContain(secret);
  expect(error.cause).toBeUndefined();
  return said;
}

describe("a private key is read from", () => {
  const pems: readonly [string, KeyObject, string][] = [
    ["PKCS #8, elliptic", ec.privateKey, ec.privateKey.export({ type: "pkcs8", format: "pem" }) as string],
    ["PKCS #8, RSA", rsa.privateKey, rsa.privateKey.export({ type: "pkcs8", format: "pem" }) as string],
    ["PKCS #8, Ed25519", ed.privateKey, ed.privateKey.export({ type: "pkcs8", format: "pem" }) as string],
    ["SEC 1", ec.privateKey, ec.privateKey.export({ type: "sec1", format: "pem" }) as string],
    ["PKCS #1", rsa.privateKey, rsa.privateKey.export({ type: "pkcs1", format: "pem" }) as string],
  ];
  it.each(pems)("PEM: %s", async (_, key, pem) => {
    expect(await read(pem)).toEqual({ privateJwk: jwk(key), others: 0 });
    expect(await read(`Bag Attributes: none\r\n${pem.replaceAll("\n", "\r\n")}`)).toMatchObject({
      privateJwk: jwk(key),
    });
  });

  it("a JWK, whatever it says besides", async () => {
    expect(await read(JSON.stringify(theirs))).toEqual({ privateJwk: theirs, others: 0 });
    expect(await read(`\n  ${JSON.stringify(theirs, null, 2)}\n`)).toEqual({ privateJwk: theirs, others: 0 });
  });

  it("a JWKS with one private key among public ones, which are counted", async () => {
    const keys = [jwk(rsa.publicKey), theirs, jwk(ed.publicKey)];
    expect(await read(JSON.stringify({ keys }))).toEqual({ privateJwk: theirs, others: 2 });
  });

  it("a JWKS with several, by the kid that is asked for", async () => {
    const keys = [others, theirs];
    expect((await read(JSON.stringify({ keys }), "2026-a")).privateJwk).toEqual(theirs);
    expect((await read(JSON.stringify({ keys }), "2025-z")).privateJwk).toEqual(others);
    expect(await refusalOf(JSON.stringify({ keys }))).toContain(
      "(2025-z, 2026-a); say which signs: --import-kid",
    );
    expect(await refusalOf(JSON.stringify({ keys }), "2024")).toContain("no private key of that kid");
  });

  it("what was exported, sealed", async () => {
    expect((await read(`${await sealUnderPassphrase(theirs, PASSPHRASE)}\n`)).privateJwk).toEqual(theirs);
  });
});

describe("a file is refused", () => {
  const pem = ec.privateKey.export({ type: "pkcs8", format: "pem" }) as string;

  it.each([0o644, 0o640, 0o604, 0o660])("that others can read, of mode %o", async (mode) => {
    expect(await refusalOf(pem, null, mode)).toMatch(/^store_permission: .* chmod 0600/);
  });

  it.each<[string, string | Uint8Array, string]>([
    ["that is empty", "", "is neither PEM nor JWK"],
    ["that is something else", "hunter2", "is neither PEM nor JWK"],
    [
      "that is DER",
      ec.privateKey.export({ type: "pkcs8", format: "der" }) as Buffer,
      "is neither PEM nor JWK",
    ],
    ["that is broken JSON", `{"d":"${theirs["d"]}",`, "is not valid JSON"],
    ["that is a public JWKS", JSON.stringify({ keys: [jwk(ec.publicKey)] }), "holds no private key"],
    ["that is an empty JWKS", '{"keys":[]}', "holds no private key"],
    ["that is a list of other things", '{"keys":[1,null,"hunter2",[]]}', "holds no private key"],
    [
      "that is a public PEM",
      ec.publicKey.export({ type: "spki", format: "pem" }),
      "is PEM without a private key",
    ],
    [
      "that is broken PEM",
      "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
      "is PEM without",
    ],
    ["that is too large", `{${" ".repeat(300_000)}}`, "has 300002 bytes (limit 262144)"],
  ])("%s", async (_, content, why) => {
    const said = await refusalOf(content);
    expect(said).toMatch(/^import_invalid: /);
    expect(said).toContain(why);
  });

  it("that is encrypted PEM, saying how to decrypt it", async () => {
    const cipher = { cipher: "aes-256-cbc", passphrase: "hunter2", format: "pem" } as const;
    for (const encrypted of [
      ec.privateKey.export({ ...cipher, type: "pkcs8" }),
      rsa.privateKey.export({ ...cipher, type: "pkcs1" }),
    ])
      expect(await refusalOf(encrypted)).toMatch(/is encrypted PEM.*openssl pkey/);
  });

  it("that is not there, or a folder", async () => {
    const place = await newPlace();
    await expect(readKeyFile(join(place, "none"), null, openers)).rejects.toMatchObject({
      code: "store_unavailable",
    });
    await expect(readKeyFile(place, null, openers)).rejects.toMatchObject({
      code: expect.stringMatching(/^store_/),
    });
  });
});
