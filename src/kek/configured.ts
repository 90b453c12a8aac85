/** The KEK as the settings of a deployment describe it, wherever that runs. */
import { type AwsCredentials, type AwsPlace, awsOptionsFor } from "../aws/options.ts";
import { kmsKek } from "./kms.ts";
import { secretKek } from "./secrets-manager.ts";
import { clearKek, type KekPlace, type KekSource } from "./source.ts";

export interface KekSettings extends AwsPlace {
  readonly issuer: string;
  /** A KMS key that has wrapped the KEK, wherever it is kept; null: it stands in the clear. */
  readonly kmsKeyId: string | null;
}

/** Default: what the SDK finds. */
export type Credentials = AwsCredentials | (() => Promise<AwsCredentials>);

/** @throws KeyturnError `config_invalid` */
export function secretPlace(secretId: string, at: AwsPlace, credentials?: Credentials): KekPlace {
  return secretKek({ secretId, ...awsOptionsFor(secretId, at), ...as(credentials) });
}

/** What was configured as the KEK before wins over what the place has as such. */
export function withPrevious(place: KekPlace, previous: () => Promise<string | null>): KekPlace {
  return {
    ...place,
    async read() {
      const texts = await place.read();
      if (texts === null) return null;
      const previousKek = await previous();
      return previousKek === null ? texts : { kek: texts.kek, previousKek };
    },
  };
}

/** The KEK in its place, unwrapped where there is a KMS key. @throws KeyturnError `config_invalid` */
export function kekIn(place: KekPlace, settings: KekSettings, credentials?: Credentials): KekSource {
  const { kmsKeyId, issuer } = settings;
  if (kmsKeyId === null) return clearKek(place);
  const context = { ring: issuer, schema: "1" } as const;
  const at = { ...awsOptionsFor(kmsKeyId, settings), ...as(credentials) };
  return kmsKek({ keyId: kmsKeyId, context, wrapped: place, ...at });
}

function as(credentials: Credentials | undefined): { readonly credentials?: Credentials } {
  return credentials === undefined ? {} : { credentials };
}
