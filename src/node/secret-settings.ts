/** The settings that name secrets: what each may be, and what they must be together. */

import { apiTokensNameFor, parseSecretId, regionOf, secretName } from "../aws/secret-id.ts";
import { isKeyturnError, type Problem } from "../errors.ts";
import type { Settings } from "./settings.ts";

type Name = "secretId" | "apiTokensSecretId" | "kekSecretId";
type Rest = "awsRegion" | "awsEndpoint" | "kmsKeyId";

/** As they were given. */
export type GivenSecrets = Pick<Settings, "store"> & {
  readonly [name in Name | Rest]?: string | null | undefined;
};

export type Secrets = Pick<Settings, Name | Rest>;

/** All problems of the given settings, or the settings completed. */
export function secretsOf(given: GivenSecrets): Secrets | Problem[] {
  const { store, secretId = null, kekSecretId = null, awsEndpoint = null, kmsKeyId = null } = given;
  const onAws = store === "aws-secrets-manager";
  const apiTokensSecretId =
    given.apiTokensSecretId ?? (onAws && secretId !== null ? apiTokensNameFor(secretName(secretId)) : null);
  const awsRegion = given.awsRegion ?? (secretId?.startsWith("arn:") ? regionOf(secretId) : null);
  const secrets = { secretId, apiTokensSecretId, awsRegion, awsEndpoint, kekSecretId, kmsKeyId };
  const problems = [...placeProblems(onAws, secrets), ...idProblems(secrets), ...twiceProblems(secrets)];
  return problems.length > 0 ? problems : secrets;
}

function placeProblems(onAws: boolean, { secretId, apiTokensSecretId }: Secrets): Problem[] {
  if (onAws && secretId === null)
    return [
      {
        code: "secret_id_needed",
        at: "secretId",
        message: "The store aws-secrets-manager needs one: the name or the ARN of the ring's secret.",
      },
    ];
  if (onAws) return [];
  const named = [
    ...(secretId === null ? [] : ["secretId"]),
    ...(apiTokensSecretId === null ? [] : ["apiTokensSecretId"]),
  ];
  return named.map((at) => ({
    code: "store_needed",
    at,
    message: "The store is file, which has no secret. Set store to aws-secrets-manager, or leave this out.",
  }));
}

const NAMES: readonly Name[] = ["secretId", "apiTokensSecretId", "kekSecretId"];

function idProblems(secrets: Secrets): Problem[] {
  return NAMES.flatMap((at) => {
    const id = secrets[at];
    const message = id === null ? null : faultOf(id, secrets.awsRegion);
    return message === null ? [] : [{ code: "secret_id_invalid", at, message }];
  });
}

function faultOf(id: string, region: string | null): string | null {
  try {
    parseSecretId(id, region ?? undefined);
    return null;
  } catch (error) {
    if (isKeyturnError(error)) return `${error.message} ${error.fix}`;
    throw error;
  }
}

/** One secret holds one thing. */
function twiceProblems(secrets: Secrets): Problem[] {
  return NAMES.flatMap((at, i) => {
    const id = secrets[at];
    if (id === null) return [];
    const other = NAMES.slice(0, i).find((name) => secretName(secrets[name] ?? "") === secretName(id));
    if (other === undefined) return [];
    return [{ code: "secret_used_twice", at, message: `This secret is ${other} already. Name another one.` }];
  });
}
