/** The KMS key as its operator names it, and what can be told from that before anybody is asked. */
import { KeyturnError } from "../errors.ts";

export interface KmsKeyId {
  /** As given: an id, an alias, or the ARN of either. */
  readonly id: string;
  /** Of an ARN; null otherwise. */
  readonly region: string | null;
}

const NAME = /^(alias\/[A-Za-z0-9/_-]{1,250}|(mrk-)?[A-Za-z0-9-]{1,128})$/;
const ARN = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:(key|alias)\/[A-Za-z0-9/_-]{1,250}$/;

/** @throws KeyturnError `config_invalid` */
export function parseKmsKeyId(id: string, region: string | undefined): KmsKeyId {
  if (!id.startsWith("arn:")) {
    if (NAME.test(id)) return { id, region: null };
    throw invalid("The KMS key is named by neither an id nor an alias.");
  }
  const [, regionOfArn] = ARN.exec(id) ?? [];
  if (regionOfArn === undefined)
    throw invalid("The ARN of the KMS key is not whole, or is of something else.");
  if (region !== undefined && region !== regionOfArn) {
    throw invalid(`The KMS key is in ${regionOfArn} by its ARN, and the region is set to ${region}.`);
  }
  return { id, region: regionOfArn };
}

function invalid(message: string): KeyturnError {
  return new KeyturnError("config_invalid", message, {
    fix: "Give the id of the key, alias/ and its alias, or the ARN of either, in the region that is set.",
  });
}
