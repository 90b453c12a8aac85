/** What a Worker is told that keeps its ring in AWS Secrets Manager: by the same names as a server. */
import * as z from "zod";
import { type AwsCredentials, ENDS_SOON_SECONDS } from "../aws/options.ts";
import { systemClock } from "../clock.ts";
import { KeyturnError, type Problem } from "../errors.ts";
import { problemsOf } from "../schema.ts";
import { SECRET_SETTINGS, type Secrets, secretsOf } from "../secret-settings.ts";
import type { Environment, Secret } from "./platform.ts";
import { secretIn } from "./secrets.ts";
import { configOf, type EdgeConfig, type MoreSettings } from "./settings.ts";

/** As `Environment`, and as whom AWS is asked. */
export interface AwsEnvironment extends Environment {
  readonly AWS_ACCESS_KEY_ID?: Secret;
  readonly AWS_SECRET_ACCESS_KEY?: Secret;
  readonly AWS_SESSION_TOKEN?: Secret;
}

export interface SecretConfig extends Omit<Secrets, "secretId" | "apiTokensSecretId"> {
  readonly secretId: string;
  readonly apiTokensSecretId: string;
  /** null: what the store says itself. */
  readonly writesEverySeconds: number | null;
}

const schema = z.object(SECRET_SETTINGS);

const SETTINGS: MoreSettings<SecretConfig> = {
  names: Object.keys(SECRET_SETTINGS),
  parse(given) {
    const parsed = schema.safeParse(given);
    if (!parsed.success) return problemsOf(parsed.error);
    const secrets = secretsOf({ ...parsed.data, store: "aws-secrets-manager" });
    if (Array.isArray(secrets)) return secrets;
    const { secretId, apiTokensSecretId } = secrets;
    // Refused above.
    if (secretId === null || apiTokensSecretId === null) return [];
    if (secrets.awsRegion === null) return [REGION_NEEDED];
    return {
      ...secrets,
      secretId,
      apiTokensSecretId,
      writesEverySeconds: parsed.data.writesEverySeconds ?? null,
    };
  },
};

const REGION_NEEDED: Problem = {
  code: "region_needed",
  at: "awsRegion",
  message:
    "A Worker is in no region: name that of the secrets, like eu-central-1, or the ring's secret by its ARN.",
};

/** @throws KeyturnError `config_invalid`, with every problem */
export function secretConfigOf(environment: AwsEnvironment): EdgeConfig & SecretConfig {
  return configOf(environment, SETTINGS);
}

/** A secret that was changed in the Secrets Store is in use so soon after that. */
const REREAD_SECONDS = 300;

/** @throws KeyturnError `config_invalid` where they are not given */
export function credentialsOf(environment: AwsEnvironment): () => Promise<AwsCredentials> {
  if (environment.AWS_ACCESS_KEY_ID === undefined || environment.AWS_SECRET_ACCESS_KEY === undefined)
    throw new KeyturnError("config_invalid", "The Worker has no AWS credentials.", {
      fix: "Set the secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: npx wrangler secret put AWS_ACCESS_KEY_ID",
    });
  return async () => {
    const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
      secretIn(environment, "AWS_ACCESS_KEY_ID"),
      secretIn(environment, "AWS_SECRET_ACCESS_KEY"),
      secretIn(environment, "AWS_SESSION_TOKEN"),
    ]);
    return {
      accessKeyId: accessKeyId ?? "",
      secretAccessKey: secretAccessKey ?? "",
      ...(sessionToken === null || sessionToken === "" ? {} : { sessionToken }),
      expiration: new Date((systemClock.now() + REREAD_SECONDS + ENDS_SOON_SECONDS) * 1000),
    };
  };
}
