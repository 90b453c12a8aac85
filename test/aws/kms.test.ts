import { DecryptCommand, DescribeKeyCommand, GenerateDataKeyCommand } from "@aws-sdk/client-kms";
import { describe, expect, it } from "vitest";
import { opened, refusal } from "./opened.ts";

const CONTEXT = { ring: "r1", use: "kek" };

describe("a data key", () => {
  it("comes back from its ciphertext, under the same context in any order", async () => {
    await using world = await opened();
    const { keyId, arn } = world.aws.makeKey("alias/ring");
    const kms = world.kmsAs("anyone");
    for (const KeyId of [keyId, arn, "alias/ring", "arn:aws:kms:us-east-1:123456789012:alias/ring"]) {
      const made = await kms.send(
        new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256", EncryptionContext: CONTEXT }),
      );
      expect(made.KeyId).toBe(arn);
      expect(made.Plaintext).toHaveLength(32);
      const opening = { CiphertextBlob: made.CiphertextBlob, EncryptionContext: { use: "kek", ring: "r1" } };
      const plain = await kms.send(new DecryptCommand(opening));
      expect(plain).toMatchObject({ KeyId: arn, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" });
      expect(plain.Plaintext).toEqual(made.Plaintext);
      expect((await kms.send(new DecryptCommand({ ...opening, KeyId }))).Plaintext).toEqual(made.Plaintext);
    }
  });

  it("does not come back under another context, from altered bytes, or by another key", async () => {
    await using world = await opened();
    const kms = world.kmsAs("anyone");
    const { keyId } = world.aws.makeKey();
    const other = world.aws.makeKey();
    const made = await kms.send(
      new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: "AES_256", EncryptionContext: CONTEXT }),
    );
    const blob = made.CiphertextBlob ?? new Uint8Array();
    const opening = (CiphertextBlob: Uint8Array, EncryptionContext: Record<string, string>, KeyId?: string) =>
      refusal(kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId })));
    for (const context of [
      {},
      { ring: "r2", use: "kek" },
      { ...CONTEXT, more: "x" },
      { Ring: "r1", use: "kek" },
    ])
      expect(await opening(blob, context)).toMatch(/^InvalidCiphertextException/);
    for (const at of [0, 36, 50, blob.length - 1]) {
      const altered = blob.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(await opening(altered, CONTEXT)).toMatch(/^InvalidCiphertextException/);
    }
    expect(await opening(blob.subarray(0, 40), CONTEXT)).toMatch(/^InvalidCiphertextException/);
    expect(await opening(blob, CONTEXT, other.keyId)).toMatch(/^IncorrectKeyException/);
  });

  it("has a key spec or a number of bytes", async () => {
    await using world = await opened();
    const { keyId: KeyId } = world.aws.makeKey();
    const kms = world.kmsAs("anyone");
    expect((await kms.send(new GenerateDataKeyCommand({ KeyId, NumberOfBytes: 64 }))).Plaintext).toHaveLength(
      64,
    );
    for (const how of [{}, { KeySpec: "AES_256" as const, NumberOfBytes: 32 }, { NumberOfBytes: 1025 }])
      expect(await refusal(kms.send(new GenerateDataKeyCommand({ KeyId, ...how })))).toMatch(
        /^ValidationException/,
      );
  });
});

describe("a key", () => {
  it("that is disabled or goes is of no use, and is described still", async () => {
    await using world = await opened();
    const { keyId: KeyId } = world.aws.makeKey();
    const kms = world.kmsAs("anyone");
    const make = () => kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }));
    const { CiphertextBlob } = await make();
    const open = () => kms.send(new DecryptCommand({ CiphertextBlob }));
    for (const [state, error] of [
      ["Disabled", /^DisabledException: arn:.* is disabled\.$/],
      ["PendingDeletion", /^KMSInvalidStateException: arn:.* is pending deletion\.$/],
    ] as const) {
      world.aws.setKeyState(KeyId, state);
      expect(await refusal(make())).toMatch(error);
      expect(await refusal(open())).toMatch(error);
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
      expect(KeyMetadata).toMatchObject({ KeyId, Enabled: false, KeyState: state });
    }
  });

  it("that does not exist is not found", async () => {
    await using world = await opened();
    const kms = world.kmsAs("anyone");
    const missing = "1234abcd-12ab-34cd-56ef-1234567890ab";
    expect(await refusal(kms.send(new DescribeKeyCommand({ KeyId: missing })))).toBe(
      `NotFoundException: Key 'arn:aws:kms:us-east-1:123456789012:key/${missing}' does not exist`,
    );
    expect(await refusal(kms.send(new DescribeKeyCommand({ KeyId: "alias/none" })))).toBe(
      "NotFoundException: Alias arn:aws:kms:us-east-1:123456789012:alias/none is not found.",
    );
  });
});
