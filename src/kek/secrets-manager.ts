/**
 * The KEK in a secret of AWS Secrets Manager: AWSCURRENT is the KEK, AWSPREVIOUS the one before it. So a KEK
 * is changed by putting a new value into the secret, and then `keyturn rewrap`.
 */
import { type AwsOptions, assertSafeEndpoint, inRegion, whereOf } from "../aws/options.ts";
import { parseSecretId } from "../aws/secret-id.ts";
import { SECRETS_MANAGER, secretsManagerOf } from "../aws/secrets-manager.ts";
import { systemChance } from "../chance.ts";
import { type Clock, systemClock } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { type KekCalls, kekCalls } from "./secret-calls.ts";
import { putOnce } from "./secret-put.ts";
import { clearKek, type KekPlace, type KekSource, type KekTexts } from "./source.ts";
import { isWrapped } from "./wrapped-text.ts";

export type { AwsCredentials, AwsOptions } from "../aws/options.ts";
export type { KekPlace, KekSource, KekTexts } from "./source.ts";

export interface SecretKekOptions extends AwsOptions {
  /** Name or whole ARN of the secret. Not the one that the ring lies in: who has both has the keys. */
  readonly secretId: string;
  /** For tests: measures deadlines. */
  readonly clock?: Pick<Clock, "monotonic">;
  /** For tests: spreads tries; in [0, 1). */
  readonly random?: () => number;
}

/** A node waits for it when it starts; longer than a moment of the service's. */
const READ_SECONDS = 9;
/** Looks, writes, and looks again. */
const CREATE_SECONDS = 20;

/** A new value may come between the two calls of a look. Once is that moment. */
const LOOKS_MAX = 3;

/**
 * Needs the package `@aws-sdk/client-secrets-manager`, which is loaded at the first call, and
 * `secretsmanager:GetSecretValue`; to create a KEK also `PutSecretValue` where the secret is there without
 * a value, `CreateSecret` where it is not.
 *
 * @throws KeyturnError `config_invalid` when the options cannot be, or (from its methods) when the package
 *   is not installed or no region is set. Its methods: `store_permission`, `store_unavailable`, and
 *   `kek_invalid` where the secret holds bytes; whether a text is a KEK is for who opens a ring to say.
 */
export function secretKek(options: SecretKekOptions): KekSource & KekPlace {
  const { id, region } = parseSecretId(options.secretId, options.region);
  assertSafeEndpoint(SECRETS_MANAGER, options.endpoint);
  const at = inRegion(options, region);
  const begin = kekCalls({
    aws: secretsManagerOf(at),
    secretId: id,
    where: whereOf(at),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemChance,
  });
  const place: KekPlace = {
    description: `${SECRETS_MANAGER} secret ${id}`,
    read: () => textsIn(id, begin(READ_SECONDS)),
    put: (make) => putOnce(id, begin(CREATE_SECONDS), make),
  };
  return { ...place, ...clearKek(place) };
}

async function textsIn(secretId: string, calls: KekCalls): Promise<KekTexts | null> {
  for (let looks = 1; ; looks++) {
    const current = await calls.valueOf("AWSCURRENT");
    if (current === null) return null;
    if (current.text === null) throw notText(secretId);
    const previous = await calls.valueOf("AWSPREVIOUS");
    // What was current has become previous, so there is a newer one.
    if (previous?.versionId === current.versionId && looks < LOOKS_MAX) continue;
    const previousKek = await kekBefore(previous?.text ?? null);
    const kek = current.text;
    return previousKek !== null && isWrapped(previousKek)
      ? { kek, previousKek, previousUnproven: true }
      : { kek, previousKek };
  }
}

/**
 * What never was a KEK has sealed nothing, and does no harm: a placeholder from before the first KEK, or a
 * slip that was corrected. Nobody has chosen what is AWSPREVIOUS, so nobody is refused because of it.
 */
async function kekBefore(text: string | null): Promise<string | null> {
  if (text === null || isWrapped(text)) return text;
  const { parseKek } = await import("../keys/kek.ts");
  return parseKek(text).then(
    () => text,
    () => null,
  );
}

function notText(secretId: string): KeyturnError {
  return new KeyturnError("kek_invalid", `The secret ${secretId} holds bytes and no text, so no KEK.`, {
    fix: "Check that it is the right secret. Store the KEK as text (SecretString): 32 random bytes in base64url.",
  });
}
