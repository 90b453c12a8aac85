/** What this node may do with the KMS key that wraps its KEK. Neither call changes anything. */
import { ask } from "../../aws/ask.ts";
import { awsOptionsFor, whereOf } from "../../aws/options.ts";
import { isKeyturnError } from "../../errors.ts";
import { encryptionContext } from "../../kek/kms.ts";
import { kmsOf, kmsTelling } from "../../kek/kms-client.ts";
import { parseKmsKeyId } from "../../kek/kms-key-id.ts";
import type { Config } from "../config.ts";
import type { Evidence } from "./evidence.ts";
import { type Fault, type Finding, failing, finding, warning } from "./finding.ts";

/** A doctor's visit is no time to hang. */
const CALL_SECONDS_MAX = 5;

export async function examineKms(config: Config, { keks }: Evidence): Promise<Finding[]> {
  const { kmsKeyId } = config;
  if (kmsKeyId === null) return [];
  const hasKek = !isKeyturnError(keks);
  // Reading the KEK was the test of it. What else can be wrong with a KEK is another finding's.
  const undecrypted =
    !hasKek && /kms:Decrypt|KMS/.test(keks.message) ? [failing(keks.message, keks.fix)] : [];
  const decrypt = finding("kms-decrypt", undecrypted, `kms:Decrypt is allowed on ${kmsKeyId}.`);
  const refused = await generating(config, kmsKeyId);
  const generate = finding(
    "kms-generate-data-key",
    refused === null || hasKek ? [] : [refused],
    refused === null
      ? `kms:GenerateDataKey is allowed on ${kmsKeyId}, for making a KEK.`
      : "kms:GenerateDataKey is not allowed for making a KEK, and there is one.",
  );
  return hasKek || undecrypted.length > 0 ? [decrypt, generate] : [generate];
}

/** Null: it may. What comes of it is thrown away. */
async function generating(config: Config, kmsKeyId: string): Promise<Fault | null> {
  const { issuer } = config;
  try {
    const options = awsOptionsFor(kmsKeyId, config);
    const { id } = parseKmsKeyId(kmsKeyId, options.region);
    const aws = await kmsOf(options)();
    const asked = new aws.sdk.GenerateDataKeyCommand({
      KeyId: id,
      KeySpec: "AES_256",
      // A policy may allow no other.
      EncryptionContext: encryptionContext({ ring: issuer, schema: "1" }),
    });
    const call = {
      operation: "GenerateDataKey",
      where: whereOf(options),
      keyId: id,
      place: "",
      ring: issuer,
    };
    const outcome = await ask(aws, kmsTelling, { call, seconds: CALL_SECONDS_MAX }, ({ client }, request) =>
      client.send(asked, request),
    );
    if ("failure" in outcome) return warning(outcome.failure.error.message, outcome.failure.error.fix);
    outcome.answer.Plaintext?.fill(0);
    return null;
  } catch (error) {
    if (isKeyturnError(error)) return failing(error.message, error.fix);
    throw error;
  }
}
