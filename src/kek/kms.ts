/**
 * The KEK as a data key of AWS KMS. What is kept is its ciphertext, which KMS decrypts for whoever it allows
 * to, and only under the context that it was made for. So a copy of the place is not the KEK, every use
 * of the KEK is in CloudTrail, and the wrapped KEK of another ring does not do.
 */
import { type AwsOptions, assertSafeEndpoint, inRegion, whereOf } from "../aws/options.ts";
import { type Tries, triesOf } from "../aws/tries.ts";
import { systemChance } from "../chance.ts";
import { type Clock, systemClock } from "../clock.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import { KMS, type Kms, type KmsCall, kmsOf, kmsTelling } from "./kms-client.ts";
import { parseKmsKeyId } from "./kms-key-id.ts";
import type { KekPlace, KekSource } from "./source.ts";
import { base64urlOf, ciphertextIn, isWrapped, wrappedText } from "./wrapped-text.ts";

export type { AwsCredentials, AwsOptions } from "../aws/options.ts";
export type { KekPlace, KekSource, KekTexts } from "./source.ts";

/** What a KEK is wrapped for; KMS unwraps it for the same only. CloudTrail shows it. */
export interface KekContext {
  /** The issuer of the ring. */
  readonly ring: string;
  /** Of the context. */
  readonly schema: "1";
}

export interface KmsKekOptions extends AwsOptions {
  /** Id, alias or ARN of a symmetric KMS key. */
  readonly keyId: string;
  readonly context: KekContext;
  /** Where the wrapped KEK is kept, and the one before it: a file, the environment, a secret. */
  readonly wrapped: KekPlace;
  /** For tests: measures deadlines. */
  readonly clock?: Pick<Clock, "monotonic">;
  /** For tests: spreads tries; in [0, 1). */
  readonly random?: () => number;
}

/** A node waits for it when it starts. KMS answers within a tenth of a second. */
const SECONDS = 9;

/**
 * Needs the package `@aws-sdk/client-kms`, which is loaded at the first call, and `kms:Decrypt` on the key;
 * to create a KEK also `kms:GenerateDataKey`.
 *
 * @throws KeyturnError `config_invalid` when the options cannot be, or (from its methods) when the package
 *   is not installed or no region is set. Its methods: `kek_invalid` for what is no wrapped KEK, or was
 *   wrapped for another ring or by another key; `store_permission`; `store_unavailable`; and what the
 *   place throws.
 */
export function kmsKek(options: KmsKekOptions): KekSource {
  const { id: keyId, region } = parseKmsKeyId(options.keyId, options.region);
  assertSafeEndpoint(KMS, options.endpoint);
  const { wrapped, context } = options;
  const at = inRegion(options, region);
  const begin = triesOf<Kms, KmsCall>({
    aws: kmsOf(at),
    ...kmsTelling,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemChance,
  });
  const key: WrappingKey = { keyId, context, place: wrapped.description, where: whereOf(at) };
  const { put } = wrapped;
  return {
    description: `${wrapped.description}, wrapped by the KMS key ${keyId}`,
    async read() {
      const texts = await wrapped.read();
      if (texts === null) return null;
      const tries = begin(SECONDS);
      const kek = await unwrapped(texts.kek, key, tries);
      const { previousKek, previousUnproven } = texts;
      if (previousKek === null) return { kek, previousKek };
      const before = unwrapped(previousKek, key, tries);
      return { kek, previousKek: await (previousUnproven === true ? before.catch(nullIfNoKek) : before) };
    },
    ...(put === undefined ? {} : { create: () => put(() => newWrapped(key, begin(SECONDS))) }),
  };
}

/** A slip that was corrected has sealed nothing, and does no harm. */
function nullIfNoKek(error: unknown): null {
  if (isKeyturnError(error, "kek_invalid")) return null;
  throw error;
}

interface WrappingKey {
  readonly keyId: string;
  readonly context: KekContext;
  readonly place: string;
  readonly where: string;
}

/** A new KEK that nobody has seen yet, wrapped. */
async function newWrapped(key: WrappingKey, tries: Tries<Kms, KmsCall>): Promise<string> {
  const call = callOf("GenerateDataKey", key);
  const { Plaintext, CiphertextBlob } = await answerOf(tries, call, ({ sdk, client }, options) =>
    client.send(
      new sdk.GenerateDataKeyCommand({
        KeyId: key.keyId,
        KeySpec: "AES_256",
        EncryptionContext: encryptionContext(key.context),
      }),
      options,
    ),
  );
  Plaintext?.fill(0);
  if (CiphertextBlob === undefined) throw kmsTelling.notUnderstood(call);
  return wrappedText(CiphertextBlob);
}

async function unwrapped(text: string, key: WrappingKey, tries: Tries<Kms, KmsCall>): Promise<string> {
  if (!isWrapped(text)) throw notWrapped(key);
  const ciphertext = ciphertextIn(text);
  if (ciphertext === null) throw garbled(key);
  const call = callOf("Decrypt", key);
  const { Plaintext } = await answerOf(tries, call, ({ sdk, client }, options) =>
    client.send(
      new sdk.DecryptCommand({
        CiphertextBlob: ciphertext,
        KeyId: key.keyId,
        EncryptionContext: encryptionContext(key.context),
      }),
      options,
    ),
  );
  if (Plaintext === undefined) throw kmsTelling.notUnderstood(call);
  try {
    return base64urlOf(Plaintext);
  } finally {
    Plaintext.fill(0);
  }
}

/** Neither call changes anything, so either may be repeated whatever became of the first. */
async function answerOf<T>(
  tries: Tries<Kms, KmsCall>,
  call: KmsCall,
  send: Parameters<typeof tries.ask<T>>[1],
): Promise<T> {
  const outcome = await tries.ask(call, send, ({ passing }) => passing);
  if ("failure" in outcome) throw outcome.failure.error;
  return outcome.answer;
}

function callOf(operation: string, { keyId, context, place, where }: WrappingKey): KmsCall {
  return { operation, keyId, place, where, ring: context.ring };
}

/** As KMS is given it, and as a key policy can demand it (`kms:EncryptionContext:keyturn:ring`). */
export function encryptionContext({ ring, schema }: KekContext): Record<string, string> {
  return { "keyturn:ring": ring, "keyturn:schema": schema };
}

function notWrapped({ place }: WrappingKey): KeyturnError {
  return new KeyturnError(
    "kek_invalid",
    `A KEK in ${place} is not wrapped by KMS: it does not begin with kms. and whoever reads it there has it.`,
    {
      fix: "Put the wrapped KEK in its place (into a secret twice, so that AWSPREVIOUS is wrapped too), or leave the KMS key out.",
    },
  );
}

function garbled({ place }: WrappingKey): KeyturnError {
  return new KeyturnError(
    "kek_invalid",
    `The KEK in ${place} begins with kms. and is no KEK that was wrapped.`,
    {
      fix: "Restore it: kms. and the ciphertext in base64url, of 32 bytes.",
    },
  );
}
