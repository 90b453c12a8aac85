import { describe, expect, it, vi } from "vitest";
import { base64urlOf, ciphertextIn, wrappedText } from "../../src/kek/wrapped-text.ts";
import { ISSUER, KEK } from "../manager/fleet.ts";
import { onAws } from "../store/secrets-manager/bench.ts";
import { createByHand, kekIn, kmsKekOf, placeWith, putByHand, told } from "./keks.ts";

const bench = onAws();
const NODES = 8;
const CONTEXT = { "keyturn:ring": ISSUER, "keyturn:schema": "1" };

/** A data key of KMS's, as `aws kms generate-data-key` gives it: the KEK, and its wrapped text. */
function dataKey(KeyId: string, EncryptionContext: Record<string, string> = CONTEXT) {
  const made = bench.aws.arrange("GenerateDataKey", { KeyId, KeySpec: "AES_256", EncryptionContext });
  const { Plaintext, CiphertextBlob } = made as { Plaintext: string; CiphertextBlob: string };
  const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, "base64"));
  return { kek: base64urlOf(bytesOf(Plaintext)), wrapped: wrappedText(bytesOf(CiphertextBlob)) };
}

describe("a KEK that KMS has wrapped", () => {
  it("is a data key of KMS, kept as kms. and its ciphertext", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    const wrapped = placeWith(null);
    const source = kmsKekOf(bench, { keyId, wrapped });
    expect(await source.read()).toBeNull();
    expect(await source.create?.()).toBe(true);
    const texts = await source.read();
    expect(texts).toEqual({ kek: expect.stringMatching(/^[\w-]{43}$/), previousKek: null });
    const kept = (await wrapped.read())?.kek ?? "";
    expect(kept).toMatch(/^kms\.[\w-]{60,}$/);
    expect(kept).not.toContain(texts?.kek);
  });

  it("is unwrapped by id, alias and ARN of the key, with the one before it", async () => {
    const { keyId, arn } = bench.aws.makeKey("alias/keyturn");
    const [now, before] = [dataKey(arn), dataKey(arn)];
    const wrapped = placeWith({ kek: now.wrapped, previousKek: before.wrapped });
    for (const name of [keyId, arn, "alias/keyturn"])
      expect(await kmsKekOf(bench, { keyId: name, wrapped }).read()).toEqual({
        kek: now.kek,
        previousKek: before.kek,
      });
  });

  it("is bound to the ring and the schema, by the names that a key policy can go by", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    const wrapped = placeWith(null);
    await kmsKekOf(bench, { keyId, wrapped }).create?.();
    const CiphertextBlob = ciphertextIn((await wrapped.read())?.kek ?? "") ?? new Uint8Array();
    const asked = { KeyId: keyId, CiphertextBlob: Buffer.from(CiphertextBlob).toString("base64") };
    expect(bench.aws.arrange("Decrypt", { ...asked, EncryptionContext: CONTEXT })).toHaveProperty(
      "Plaintext",
    );
    expect(() => bench.aws.arrange("Decrypt", asked)).toThrow();
  });

  it("is refused under another ring", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    const { kek, wrapped: text } = dataKey(keyId);
    const wrapped = placeWith({ kek: text, previousKek: null });
    const context = { ring: "https://other.example.com", schema: "1" } as const;
    expect(await told(kmsKekOf(bench, { keyId, wrapped, context }).read(), kek, text)).toEqual({
      code: "kek_invalid",
      text: expect.stringMatching(/wrapped for another ring than https:\/\/other\.example\.com/),
    });
  });

  it("is refused in the clear, as the KEK and as the one before it", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    const { wrapped: text } = dataKey(keyId);
    for (const texts of [
      { kek: KEK, previousKek: null },
      { kek: text, previousKek: KEK },
    ])
      expect(await told(kmsKekOf(bench, { keyId, wrapped: placeWith(texts) }).read(), KEK)).toEqual({
        code: "kek_invalid",
        text: expect.stringMatching(/not wrapped by KMS/),
      });
  });

  it("is refused when what follows kms. cannot be a ciphertext", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    bench.forget();
    for (const rest of ["", "A", "a b", "+/==", "A".repeat(9000)]) {
      const wrapped = placeWith({ kek: `kms.${rest}`, previousKek: null });
      expect(await told(kmsKekOf(bench, { keyId, wrapped }).read())).toMatchObject({ code: "kek_invalid" });
    }
    expect(bench.asked()).toEqual([]);
  });

  it("is in a secret, made by one alone of many who try at once", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    const nodes = Array.from({ length: NODES }, () => kmsKekOf(bench, { keyId, wrapped: kekIn(bench) }));
    const made = await Promise.all(nodes.map((node) => node.create?.()));
    expect(made.filter((own) => own)).toHaveLength(1);
    const texts = await Promise.all(nodes.map((node) => node.read()));
    expect(new Set(texts.map((each) => each?.kek)).size).toBe(1);
    expect(texts[0]?.kek).toMatch(/^[\w-]{43}$/);
  });

  it("is in a secret, with the one before it as AWSPREVIOUS", async () => {
    const { arn } = bench.aws.makeKey();
    const [now, before] = [dataKey(arn), dataKey(arn)];
    createByHand(bench, { SecretString: before.wrapped });
    putByHand(bench, { SecretString: now.wrapped });
    expect(await kmsKekOf(bench, { keyId: arn, wrapped: kekIn(bench) }).read()).toEqual({
      kek: now.kek,
      previousKek: before.kek,
    });
  });

  it("is not asked for again, nor KMS for it, where there is one", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    const wrapped = placeWith({ kek: dataKey(keyId).wrapped, previousKek: null });
    bench.forget();
    expect(await kmsKekOf(bench, { keyId, wrapped }).create?.()).toBe(false);
    expect(bench.asked()).toEqual([]);
  });

  it("cannot be made where the place cannot be written", () => {
    const { description, read } = placeWith(null);
    expect(kmsKekOf(bench, { keyId: "alias/x", wrapped: { description, read } }).create).toBeUndefined();
  });

  it("is asked for again when KMS is busy", async () => {
    const { arn: keyId } = bench.aws.makeKey();
    const { kek, wrapped: text } = dataKey(keyId);
    bench.aws.fault("Decrypt", "throttled", { times: 2 });
    const wrapped = placeWith({ kek: text, previousKek: null });
    expect((await kmsKekOf(bench, { keyId, wrapped }).read())?.kek).toBe(kek);
  });
});

it("overwrites the bytes of the KEK once they are text, and where they are not needed", async () => {
  const { arn: keyId } = bench.aws.makeKey();
  const { KMSClient } = await import("@aws-sdk/client-kms");
  const seen: Uint8Array[] = [];
  const send = KMSClient.prototype.send;
  const spy = vi.spyOn(KMSClient.prototype, "send").mockImplementation(async function (this: never, ...args) {
    const answer: unknown = await Reflect.apply(send, this, args);
    if (answer instanceof Object && "Plaintext" in answer && answer.Plaintext instanceof Uint8Array)
      seen.push(answer.Plaintext);
    return answer;
  });
  try {
    const source = kmsKekOf(bench, { keyId, wrapped: placeWith(null) });
    await source.create?.();
    expect((await source.read())?.kek).not.toBe("A".repeat(43));
    expect(seen.map((bytes) => [bytes.length, ...new Set(bytes)])).toEqual([
      [32, 0],
      [32, 0],
    ]);
  } finally {
    spy.mockRestore();
  }
});

it("keeps ciphertext as base64url that comes back", () => {
  for (let length = 1; length < 40; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 97 + length * 31) & 255);
    const text = wrappedText(bytes);
    expect(text).toBe(`kms.${Buffer.from(bytes).toString("base64url")}`);
    expect(ciphertextIn(text)).toEqual(bytes);
  }
});
