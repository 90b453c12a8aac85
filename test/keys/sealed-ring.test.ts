import { createHmac, hkdfSync } from "node:crypto";
import canonicalize from "canonicalize";
import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { generateKek, parseKek } from "../../src/keys/kek.ts";
import { openJwk, sealJwk } from "../../src/keys/seal.ts";
import { openRing, sealRing } from "../../src/keys/sealed-ring.ts";
import { decodeDocument, encodeDocument, type RingDocument } from "../../src/ring/document.ts";
import type { KeyRing, RingKey } from "../../src/ring/ring.ts";
import { KEK_TEXT, kek, NOW, otherKek, privateMembersOf, RING, sampleKey, sampleRing } from "./sample-key.ts";

const { ring, keys } = await sampleRing();
const DOCUMENT = await sealRing(ring, kek);

/** The code with which opening fails; undefined when it opens. */
async function codeOf(document: string, keks = [kek]): Promise<string | undefined> {
  try {
    await openRing(document, keks);
  } catch (error) {
    if (isKeyturnError(error)) return error.code;
    throw error;
  }
  return undefined;
}

/** The document as someone leaves it who can write the store but has no KEK. */
function meddled(change: (ring: KeyRing) => Partial<KeyRing>, rest: Partial<RingDocument> = {}): string {
  const document = decodeDocument(DOCUMENT);
  return encodeDocument({ ...document, ...rest, ring: { ...document.ring, ...change(document.ring) } });
}

describe("a sealed ring", () => {
  it("opens to the ring that it was, with the KEK that opens its keys", async () => {
    const opened = await openRing(DOCUMENT, [kek]);
    expect(opened).toEqual({ ring, kek });
    for (const { key, privateJwk } of keys.slice(1)) {
      const stored = opened.ring.keys.find(({ kid }) => kid === key.kid) as RingKey;
      expect(await openJwk(stored.sealedJwk, { ring: RING, kid: key.kid }, opened.kek)).toEqual(privateJwk);
    }
  });

  it("is authenticated by HMAC-SHA-256 over its canonical JSON, under a key of the KEK's own", () => {
    const { mac, ...rest } = JSON.parse(DOCUMENT);
    const key = hkdfSync("sha256", Buffer.from(KEK_TEXT, "base64url"), "", "keyturn 1 mac", 32);
    const expected = createHmac("sha256", Buffer.from(key)).update(canonicalize(rest) as string);
    expect(mac).toBe(expected.digest("base64url"));
  });

  it("shows no private byte of any key, revoked ones included, in any encoding", () => {
    const parts = [...DOCUMENT.matchAll(/[A-Za-z0-9_-]{16,}/g)].map(([part]) =>
      Buffer.from(part, "base64url"),
    );
    for (const secret of keys.flatMap(({ privateJwk }) => privateMembersOf(privateJwk))) {
      const bytes = Buffer.from(secret, "base64url");
      for (const form of [
        secret,
        bytes.toString("hex"),
        bytes.toString("base64"),
        `${BigInt(`0x${bytes.toString("hex")}`)}`,
      ]) {
        expect(DOCUMENT).not.toContain(form);
      }
      for (const part of parts) expect(part.includes(bytes) || part.includes(secret)).toBe(false);
    }
  });

  it("has lost the private half of a key that was revoked", () => {
    const [first] = keys;
    expect(DOCUMENT).toContain(first?.key.kid);
    expect(DOCUMENT).not.toContain(first?.key.sealedJwk);
  });

  it("opens with any of the KEKs in use, and says with which", async () => {
    const opened = await openRing(DOCUMENT, [otherKek, kek]);
    expect(opened.kek.id).toBe(kek.id);
  });
});

describe("a ring under another KEK", () => {
  it("is refused, naming the id that is wanted and those that were given", async () => {
    const third = await parseKek(generateKek());
    await expect(openRing(DOCUMENT, [otherKek, third])).rejects.toMatchObject({
      code: "kek_mismatch",
      message: `The ring is sealed under the KEK with id ${kek.id}; given: ${otherKek.id}, ${third.id}.`,
      fix: expect.stringContaining("Nothing was overwritten"),
    });
  });

  it("is refused also where someone wrote it under a KEK of his own", async () => {
    expect(await codeOf(await sealRing(ring, otherKek))).toBe("kek_mismatch");
  });

  it("is refused when it only claims to be under ours", async () => {
    expect(await codeOf(await sealRing(ring, { ...otherKek, id: kek.id }))).toBe("ring_tampered");
  });
});

describe("a document that was written without the KEK never opens:", () => {
  it("with any character changed", async () => {
    const codes = new Set<string | undefined>();
    const kekAt = DOCUMENT.indexOf(kek.id);
    for (let at = 0; at < DOCUMENT.length; at++) {
      const inKekId = at >= kekAt && at < kekAt + kek.id.length;
      for (const other of neighboursOf(DOCUMENT[at] as string)) {
        const code = await codeOf(DOCUMENT.slice(0, at) + other + DOCUMENT.slice(at + 1));
        if (code === undefined) throw new Error(`It opens with ${other} at ${at}.`);
        if (code === "kek_mismatch" && !inKekId) throw new Error(`Character ${at} is not of the KEK's id.`);
        codes.add(code);
      }
    }
    expect(codes).toEqual(new Set(["ring_corrupt", "ring_tampered", "kek_mismatch", "ring_schema_unknown"]));
  });

  it("a public key of one's own in place of the emitter's", async () => {
    const intruder = await sampleKey("ES256", "intruder");
    const swap = (key: RingKey) => (key.emittedAt === null ? key : { ...key, ...intruder.key });
    expect(await codeOf(meddled(({ keys }) => ({ keys: keys.map(swap) })))).toBe("ring_tampered");
  });

  it("a further key, published and never revoked", async () => {
    const intruder = await sampleKey("ES256", "intruder");
    const added = { ...(ring.keys.at(-1) as RingKey), ...intruder.key };
    expect(await codeOf(meddled(({ keys }) => ({ keys: [...keys, added] })))).toBe("ring_tampered");
  });

  it("a revocation undone: its tombstone removed, or the key back from an older document", async () => {
    expect(await codeOf(meddled(() => ({ tombstones: [] })))).toBe("ring_tampered");
    const again = { ...(ring.keys.at(-1) as RingKey), ...(keys[0]?.key as object) };
    expect(await codeOf(meddled(({ keys }) => ({ tombstones: [], keys: [...keys, again] })))).toBe(
      "ring_tampered",
    );
  });

  it("sealed keys swapped between two entries", async () => {
    const swapped = ring.keys.map((key, i) => ({ ...key, sealedJwk: ring.keys.at(i - 1)?.sealedJwk ?? "" }));
    expect(await codeOf(meddled(() => ({ keys: swapped })))).toBe("ring_tampered");
  });

  it.each<[string, (ring: KeyRing) => Partial<KeyRing>]>([
    [
      "another fact about a key",
      ({ keys }) => ({ keys: keys.map((key) => ({ ...key, createdAt: key.createdAt + 1 })) }),
    ],
    ["a higher generation", ({ generation }) => ({ generation: generation + 1 })],
    ["a pause", () => ({ pausedAt: NOW })],
    ["another policy", ({ policy }) => ({ policy: { ...policy, tokenSeconds: 901 } })],
    [
      "another reason in the audit tail",
      ({ auditTail }) => ({ auditTail: auditTail.map((record) => ({ ...record, reason: "x" })) }),
    ],
    ["another ring's name", () => ({ id: "another" })],
  ])("%s", async (_, change) => {
    expect(await codeOf(meddled(change))).toBe("ring_tampered");
  });

  it("a MAC from another document of the same ring", async () => {
    const earlier = await sealRing({ ...ring, pausedAt: NOW }, kek);
    expect(await codeOf(meddled(() => ({}), { mac: decodeDocument(earlier).mac }))).toBe("ring_tampered");
  });
});

describe("an authentic document is still refused", () => {
  it("when the ring breaks a rule", async () => {
    const two = ring.keys.map((key) => ({ ...key, emittedAt: NOW + 9999, retireHoldSeconds: 1200 }));
    expect(await codeOf(await sealRing({ ...ring, keys: two }, kek))).toBe("ring_invalid");
  });

  it("when a kid is not the thumbprint of its public key", async () => {
    const { publicJwk } = (await sampleKey("ES256", "intruder")).key;
    const renamed = ring.keys.map((key, i) => (i === 0 ? { ...key, publicJwk } : key));
    expect(await codeOf(await sealRing({ ...ring, keys: renamed }, kek))).toBe("ring_invalid");
  });

  it("when it was cut off", async () => {
    for (const length of [0, 1, 100, DOCUMENT.length - 1]) {
      expect(await codeOf(DOCUMENT.slice(0, length))).toBe("ring_corrupt");
    }
  });
});

describe("moving to another KEK", () => {
  it("keeps every key what it was, and leaves the old KEK nothing to open", async () => {
    const moved = await Promise.all(
      ring.keys.map(async (key) => {
        const entry = { ring: RING, kid: key.kid };
        return {
          ...key,
          sealedJwk: await sealJwk(await openJwk(key.sealedJwk, entry, kek), entry, otherKek),
        };
      }),
    );
    const document = await sealRing({ ...ring, keys: moved }, otherKek);
    expect(await codeOf(document, [kek])).toBe("kek_mismatch");
    const opened = await openRing(document, [kek, otherKek]);
    expect(opened.kek.id).toBe(otherKek.id);
    for (const [i, { kid, sealedJwk }] of opened.ring.keys.entries()) {
      expect(await openJwk(sealedJwk, { ring: RING, kid }, otherKek)).toEqual(keys[i + 1]?.privateJwk);
    }
  });
});

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Characters that a careless reader might take for this one: of the same kind, so that the form still holds. */
function neighboursOf(character: string): string[] {
  const index = BASE64URL.indexOf(character);
  if (index < 0) return [" ", "x"].filter((other) => other !== character);
  const digit = /[0-9]/.test(character) ? [String((Number(character) + 1) % 10)] : [];
  return [BASE64URL[index ^ 1] as string, ...digit];
}
