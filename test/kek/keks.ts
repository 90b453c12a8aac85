/** KEK sources on a service that stands in for AWS, and what they say. */
import { expect } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { type KmsKekOptions, kmsKek } from "../../src/kek/kms.ts";
import { type SecretKekOptions, secretKek } from "../../src/kek/secrets-manager.ts";
import type { KekPlace, KekTexts } from "../../src/kek/source.ts";
import type { AwsService } from "../aws/service.ts";
import { ISSUER } from "../manager/fleet.ts";
import type { Bench } from "../store/secrets-manager/bench.ts";

/** No waiting between tries. */
const random = () => 0;

export const settingsOf = (aws: AwsService) => ({
  endpoint: aws.endpoint,
  region: aws.region,
  credentials: aws.principal("node"),
  random,
});

/** The KEK in the secret of this test. */
export function kekIn(bench: Bench, options: Partial<SecretKekOptions> = {}) {
  return secretKek({ ...settingsOf(bench.aws), secretId: bench.secretId, ...options });
}

export function kmsKekOf(
  bench: Bench,
  options: Pick<KmsKekOptions, "keyId" | "wrapped"> & Partial<KmsKekOptions>,
) {
  return kmsKek({ ...settingsOf(bench.aws), context: { ring: ISSUER, schema: "1" }, ...options });
}

/** Someone puts a value into the secret of this test, by hand. */
export function putByHand(bench: Bench, value: { SecretString: string } | { SecretBinary: string }): void {
  bench.aws.arrange("PutSecretValue", {
    SecretId: bench.secretId,
    ClientRequestToken: crypto.randomUUID(),
    ...value,
  });
}

/** Someone makes the secret of this test, without a value unless given one. */
export function createByHand(bench: Bench, value: { SecretString?: string; KmsKeyId?: string } = {}): void {
  bench.aws.arrange("CreateSecret", {
    Name: bench.secretId,
    ClientRequestToken: crypto.randomUUID(),
    ...value,
  });
}

/** A place in memory, for one text and the one before it. */
export function placeWith(texts: KekTexts | null): KekPlace {
  let kept = texts;
  return {
    description: "a place in memory",
    read: async () => kept,
    async put(make) {
      if (kept !== null) return false;
      const kek = await make();
      if (kept !== null) return false;
      kept = { kek, previousKek: null };
      return true;
    },
  };
}

/** What `work` is refused with, in which none of the secrets may stand, nor in anything that hangs on it. */
export async function told(
  work: Promise<unknown> | undefined,
  ...secrets: string[]
): Promise<{ readonly code: string; readonly text: string }> {
  const error = await Promise.resolve(work).then(
    () => new Error("It was not refused."),
    (thrown: unknown) => thrown,
  );
  if (!isKeyturnError(error)) throw error;
  const text = `${error.message} ${error.fix}`;
  const everything = `${text} ${error.stack} ${JSON.stringify(error.cause) ?? ""} ${String(error.cause ?? "")}`;
  for (const secret of secrets) expect(everything).not.toContain(secret);
  return { code: error.code, text };
}
