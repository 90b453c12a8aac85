/** The settings of whoever keeps things with AWS: what each may be, and what they must be together. */
import * as z from "zod";
import { apiTokensNameFor, parseSecretId, regionOf, secretName } from "./aws/secret-id.ts";
import { isKeyturnError, type Problem } from "./errors.ts";
import { isSafeUrl } from "./safe-url.ts";

type Name = "secretId" | "apiTokensSecretId" | "kekSecretId";
type Rest = "awsRegion" | "awsEndpoint" | "kmsKeyId";

/** As they were given. */
export type GivenSecrets = { readonly store: "file" | "aws-secrets-manager" } & {
  readonly [name in Name | Rest]?: string | null | undefined;
};

export type Secrets = { readonly [name in Name | Rest]: string | null };

const WRITES_EXPECTED = "Expected a whole number of seconds, like 900; 0 where the store has no limit.";
const ENDPOINT_EXPECTED = "Expected an https URL, or http on this machine, without a password in it.";
const REGION_EXPECTED = "Expected a region, like eu-central-1.";
const KMS_KEY_EXPECTED = "Expected the id, ARN or alias of a KMS key, like alias/keyturn.";

/** A store that bears less than one commit a day could not follow an emergency. */
const WRITES_EVERY_SECONDS_MAX = 86_400;

type Optional<T> = z.ZodType<T | null | undefined>;

const secret = z.string({ error: "Expected the name or the ARN of a secret." }).nullable().optional();

export const SECRET_SETTINGS: {
  readonly [name in Name | Rest]: Optional<string>;
} & { readonly writesEverySeconds: Optional<number> } = {
  secretId: secret,
  apiTokensSecretId: secret,
  awsRegion: z
    .string({ error: REGION_EXPECTED })
    .regex(/^[a-z0-9-]{1,40}$/, { error: REGION_EXPECTED })
    .nullable()
    .optional(),
  awsEndpoint: z
    .string({ error: ENDPOINT_EXPECTED })
    .refine(isSafeEndpoint, { error: ENDPOINT_EXPECTED })
    .nullable()
    .optional(),
  writesEverySeconds: z
    .int({ error: WRITES_EXPECTED })
    .min(0, { error: WRITES_EXPECTED })
    .max(WRITES_EVERY_SECONDS_MAX, { error: `Expected at most ${WRITES_EVERY_SECONDS_MAX} (a day).` })
    .nullable()
    .optional(),
  kekSecretId: secret,
  kmsKeyId: z
    .string({ error: KMS_KEY_EXPECTED })
    .regex(/^[A-Za-z0-9:/_-]{1,2048}$/, { error: KMS_KEY_EXPECTED })
    .nullable()
    .optional(),
};

function isSafeEndpoint(text: string): boolean {
  return URL.canParse(text) && isSafeUrl(new URL(text));
}

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
