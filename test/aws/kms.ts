/** The part of KMS that a data key needs: keys, their states, ciphertext bound to its context. */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { bytes, constraint, type Input, required, text, textMap, wholeNumber } from "./input.ts";
import { ACCOUNT, assertAllowed, mayDo, type Principal } from "./principals.ts";
import { Refusal } from "./refusal.ts";

export type KeyState = "Enabled" | "Disabled" | "PendingDeletion";

export interface Key {
  readonly keyId: string;
  readonly arn: string;
  readonly alias: string | null;
  readonly state: KeyState;
  readonly createdAt: number;
  readonly material: Buffer;
}

type Operation = (principal: Principal, input: Input) => object;

export interface Kms {
  readonly operations: Readonly<Record<string, Operation>>;
  makeKey(alias: string | null): Key;
  setState(keyId: string, state: KeyState): void;
  /** By key id, key ARN, alias name or alias ARN. */
  find(id: string): Key | undefined;
}

const KEY_ID = { min: 1, max: 2048 };
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** A UUID. What was encrypted says with which key. */
const KEY_ID_BYTES = 36;

export function createKms(now: () => number, region: string): Kms {
  const keys = new Map<string, Key>();
  const prefix = `arn:aws:kms:${region}:${ACCOUNT}:`;
  const find = (id: string) =>
    [...keys.values()].find(
      ({ keyId, arn, alias }) =>
        id === keyId || id === arn || (alias !== null && (id === alias || id === `${prefix}${alias}`)),
    );
  /** Permission comes first: who has none is not told whether the key exists. */
  const allowedKey = (principal: Principal, action: string, id: string): Key => {
    const key = find(id);
    const named = id.startsWith("arn:") ? id : `${prefix}${id.startsWith("alias/") ? id : `key/${id}`}`;
    assertAllowed(principal, action, key?.arn ?? named, named);
    if (key !== undefined) return key;
    const problem = named.includes(":alias/")
      ? `Alias ${named} is not found.`
      : `Key '${named}' does not exist`;
    throw new Refusal("NotFoundException", problem);
  };

  const generateDataKey: Operation = (principal, input) => {
    const id = required(input, "KeyId", KEY_ID);
    const context = textMap(input, "EncryptionContext");
    const length = dataKeyBytes(input);
    const key = allowedKey(principal, "kms:GenerateDataKey", id);
    assertUsable(key);
    const plaintext = randomBytes(length);
    return {
      CiphertextBlob: encrypted(key, plaintext, context).toString("base64"),
      Plaintext: plaintext.toString("base64"),
      KeyId: key.arn,
    };
  };

  const decrypt: Operation = (principal, input) => {
    const blob = bytes(input, "CiphertextBlob", { min: 1, max: 6144 });
    if (blob === undefined) throw constraint("CiphertextBlob", "Member must not be null");
    const context = textMap(input, "EncryptionContext");
    const asked = text(input, "KeyId", KEY_ID);
    const key = keys.get(Buffer.from(blob.subarray(0, KEY_ID_BYTES)).toString("latin1"));
    if (asked === undefined) {
      if (key === undefined) throw invalidCiphertext();
      // Who does not name the key is not told it either.
      if (!mayDo(principal, "kms:Decrypt", key.arn))
        throw new Refusal(
          "AccessDeniedException",
          "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
        );
    } else if (allowedKey(principal, "kms:Decrypt", asked) !== key) {
      if (key === undefined) throw invalidCiphertext();
      throw new Refusal(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
      );
    }
    assertUsable(key);
    return {
      KeyId: key.arn,
      Plaintext: decrypted(key, blob, context).toString("base64"),
      EncryptionAlgorithm: "SYMMETRIC_DEFAULT",
    };
  };

  const describeKey: Operation = (principal, input) => {
    const key = allowedKey(principal, "kms:DescribeKey", required(input, "KeyId", KEY_ID));
    return {
      KeyMetadata: {
        AWSAccountId: ACCOUNT,
        KeyId: key.keyId,
        Arn: key.arn,
        CreationDate: key.createdAt,
        Enabled: key.state === "Enabled",
        KeyUsage: "ENCRYPT_DECRYPT",
        KeyState: key.state,
        Origin: "AWS_KMS",
        KeyManager: "CUSTOMER",
        KeySpec: "SYMMETRIC_DEFAULT",
        EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
        MultiRegion: false,
      },
    };
  };

  return {
    operations: { GenerateDataKey: generateDataKey, Decrypt: decrypt, DescribeKey: describeKey },
    makeKey(alias) {
      const keyId = randomUUID();
      const key: Key = {
        keyId,
        arn: `${prefix}key/${keyId}`,
        alias,
        state: "Enabled",
        createdAt: now(),
        material: randomBytes(32),
      };
      keys.set(keyId, key);
      return key;
    },
    setState(keyId, state) {
      const key = find(keyId);
      if (key === undefined) throw new Error(`no key ${keyId}`);
      keys.set(key.keyId, { ...key, state });
    },
    find,
  };
}

function dataKeyBytes(input: Input): number {
  const spec = text(input, "KeySpec", { min: 1, max: 20 });
  const length = wholeNumber(input, "NumberOfBytes");
  if ((spec === undefined) === (length === undefined))
    throw new Refusal("ValidationException", "Please specify either number of bytes or key spec.");
  if (spec === "AES_256") return 32;
  if (spec === "AES_128") return 16;
  if (length === undefined)
    throw constraint("KeySpec", "Member must satisfy enum value set: [AES_256, AES_128]");
  if (length < 1 || length > 1024)
    throw constraint("NumberOfBytes", "Member must have value between 1 and 1024");
  return length;
}

function assertUsable({ arn, state }: Key): void {
  if (state === "Disabled") throw new Refusal("DisabledException", `${arn} is disabled.`);
  if (state === "PendingDeletion")
    throw new Refusal("KMSInvalidStateException", `${arn} is pending deletion.`);
}

function encrypted(
  { keyId, material }: Key,
  plaintext: Buffer,
  context: Readonly<Record<string, string>>,
): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", material, iv).setAAD(bound(context));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.from(keyId, "latin1"), iv, cipher.getAuthTag(), body]);
}

function decrypted({ material }: Key, blob: Uint8Array, context: Readonly<Record<string, string>>): Buffer {
  try {
    const iv = blob.subarray(KEY_ID_BYTES, KEY_ID_BYTES + IV_BYTES);
    const body = blob.subarray(KEY_ID_BYTES + IV_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", material, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(bound(context)).setAuthTag(body.subarray(0, TAG_BYTES));
    return Buffer.concat([decipher.update(body.subarray(TAG_BYTES)), decipher.final()]);
  } catch {
    throw invalidCiphertext();
  }
}

/** Whatever order its members came in. */
function bound(context: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(
    JSON.stringify(Object.entries(context).sort(([one], [other]) => (one < other ? -1 : 1))),
  );
}

/** The real one gives no message here. */
function invalidCiphertext(): Refusal {
  return new Refusal("InvalidCiphertextException", "");
}
