/** The search itself: it finds what it is for, and nothing else. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { JWK } from "jose";
import { describe, expect, it } from "vitest";
import { plantedKeysOf, plantedLeaksOf } from "./planted-leaks.ts";
import { scanner } from "./scanner.ts";
import { secretsOfJwk } from "./secrets.ts";
import { SPELLINGS, writingsOf } from "./writings.ts";

const SECRET = { name: "a secret", bytes: randomBytes(32) };
const LONG = { name: "a long secret", bytes: randomBytes(256) };

const KEYS: readonly JWK[] = [
  generateKeyPairSync("ec", { namedCurve: "P-256" }),
  generateKeyPairSync("ed25519"),
  generateKeyPairSync("rsa", { modulusLength: 2048 }),
].map(({ privateKey }) => privateKey.export({ format: "jwk" }) as JWK);

describe("a leak", () => {
  for (const { how, parts } of [...plantedLeaksOf(SECRET), ...plantedLeaksOf(LONG)])
    it(`is found as ${how}`, () => {
      const search = scanner([SECRET, LONG]);
      for (const part of parts) search.scan("a log", part);
      expect(new Set(search.leaks.map(({ source }) => source))).toEqual(new Set(["a log"]));
      expect(new Set(search.leaks.map(({ secret }) => secret)).size).toBe(1);
    });

  it("of a private key is found as JWK, PEM and DER", () => {
    for (const jwk of KEYS)
      for (const { how, parts } of plantedKeysOf(jwk)) {
        const search = scanner(secretsOfJwk(jwk));
        for (const part of parts) search.scan("a log", part);
        expect(search.leaks, `${jwk.kty} ${how}`).not.toEqual([]);
      }
  });

  it("is found byte by byte, wherever it is cut", () => {
    for (const text of [SECRET.bytes.toString("base64"), SECRET.bytes.toString("hex")]) {
      const search = scanner([SECRET]);
      for (const character of `before ${text} after`) search.scan("a log", character);
      expect(search.leaks).not.toEqual([]);
    }
  });

  it("is told apart from the same place of another source", () => {
    const text = SECRET.bytes.toString("hex");
    const search = scanner([SECRET]);
    search.scan("one log", text.slice(0, 30));
    search.scan("another", text.slice(30, 40));
    expect(search.leaks).toEqual([]);
  });
});

describe("no leak", () => {
  it("is seen in other secrets, however they are written", () => {
    const search = scanner([SECRET, LONG]);
    for (const other of [32, 256, 4096].map((length) => ({ name: "other", bytes: randomBytes(length) })))
      for (const { how, parts } of plantedLeaksOf(other)) for (const part of parts) search.scan(how, part);
    for (const jwk of KEYS) for (const { how, parts } of plantedKeysOf(jwk)) search.scan(how, parts[0] ?? "");
    expect(search.leaks).toEqual([]);
    expect(search.bytesScanned).toBeGreaterThan(100_000);
  });
});

it("knows every spelling of a secret", () => {
  expect(new Set(writingsOf(LONG).map(({ spelling }) => spelling))).toEqual(new Set(SPELLINGS));
});
