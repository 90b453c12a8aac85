/** A secret's value and the token that becomes its VersionId, as a request gives them. */
import { bytes, constraint, type Input, text } from "./input.ts";
import { invalidParameter, invalidRequest } from "./refusal.ts";
import type { SecretValue } from "./secret-state.ts";

export const LABEL = { min: 1, max: 256 };
export const VERSION_ID = { min: 32, max: 64 };

/** "Secret value length: 65,536 bytes", bytes and not characters. */
const VALUE_BYTES = 65_536;
const ANY = { min: 0, max: Number.MAX_SAFE_INTEGER };

export interface GivenValue {
  readonly token: string;
  readonly value: SecretValue;
}

/** The SDK makes one up; a raw request must bring its own. */
export function requestToken(input: Input): string {
  const token = text(input, "ClientRequestToken", ANY);
  if (token === undefined)
    throw invalidRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.");
  if (token.length < VERSION_ID.min || token.length > VERSION_ID.max)
    throw invalidParameter("ClientRequestToken must be 32-64 characters long.");
  return token;
}

/** Text or bytes, not both; undefined where there is neither. */
export function givenValue(input: Input): SecretValue | undefined {
  const string = text(input, "SecretString", ANY);
  const binary = bytes(input, "SecretBinary", { min: 1, max: VALUE_BYTES });
  if (string !== undefined && binary !== undefined)
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  if (binary !== undefined) return { binary: Buffer.from(binary).toString("base64") };
  if (string === undefined) return undefined;
  if (string === "") throw constraint("SecretString", "Member must have length greater than or equal to 1");
  if (Buffer.byteLength(string) > VALUE_BYTES)
    throw constraint("SecretString", `Member must have length less than or equal to ${VALUE_BYTES}`);
  return { text: string };
}
