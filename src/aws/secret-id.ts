/** The secret as its operator names it, and what can be told from that before anybody is asked. */
import { KeyturnError } from "../errors.ts";

export interface SecretId {
  /** As given: a name, or a whole ARN. */
  readonly id: string;
  /** Of an ARN; null of a name, which every region has for itself. */
  readonly region: string | null;
}

const NAME = /^[A-Za-z0-9/_+=.@-]{1,512}$/;
/** Whole: with the six characters that tell a secret from a later one of the same name. */
const ARN = /^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$/;

/** @throws KeyturnError `config_invalid` */
export function parseSecretId(id: string, region: string | undefined): SecretId {
  if (!id.startsWith("arn:")) {
    if (NAME.test(id)) return { id, region: null };
    throw invalid(
      "The name of the secret may have 1 to 512 letters, digits and /_+=.@-.",
      "Give the name or the ARN of the secret.",
    );
  }
  const [, regionOfArn] = ARN.exec(id) ?? [];
  if (regionOfArn === undefined) {
    throw invalid(
      "The ARN of the secret is not whole, or is of something else.",
      "Copy it from `aws secretsmanager describe-secret`: it ends in a hyphen and six characters.",
    );
  }
  if (region !== undefined && region !== regionOfArn) {
    throw invalid(
      `The secret is in ${regionOfArn} by its ARN, and the region is set to ${region}.`,
      "Leave the region out, or make both the same.",
    );
  }
  return { id, region: regionOfArn };
}

/** The name of the secret, also where its ARN is given. */
export function secretName(id: string): string {
  return id.startsWith("arn:") ? id.replace(/^(?:[^:]*:){6}/, "").replace(/-[A-Za-z0-9]{6}$/, "") : id;
}

/**
 * The secret with the API tokens of the ring in `name`. Its last word has not the six characters that an ARN
 * ends in: for the service, a name that does may be taken for an ARN that is not whole.
 */
export function apiTokensNameFor(name: string): string {
  return `${name}-api-token-book`;
}

/** Where the secret is that an ARN names. */
export function regionOf(arn: string): string {
  return arn.split(":")[3] ?? "";
}

function invalid(message: string, fix: string): KeyturnError {
  return new KeyturnError("config_invalid", message, { fix });
}
