/** A Worker on a service that stands in for AWS, and a Node beside it on the same secrets. */
import { createLocalJWKSet, jwtVerify } from "jose";
import { type ApiTokens, createApiTokens } from "../../../src/api-tokens/api-tokens.ts";
import { secretKek } from "../../../src/kek/secrets-manager.ts";
import { parseKek } from "../../../src/keys/kek.ts";
import { createKeyManager, type KeyManager } from "../../../src/manager/manager.ts";
import { secretsManagerStore } from "../../../src/store/secrets-manager/index.ts";
import type { Credentials } from "../../aws/principals.ts";
import { type AwsService, startAwsService } from "../../aws/service.ts";
import { type RunningWorker, SECRETS, startWorker } from "../running-worker.ts";

export interface WorkerOnAws {
  readonly aws: AwsService;
  readonly worker: RunningWorker;
  /** By the admin API of the Worker. */
  command(method: "GET" | "POST", path: string, body?: object): Promise<Response>;
  sign(token?: string): Promise<Response>;
  jwks(): Promise<{ keys: { kid: string }[]; ring: string; generation: number }>;
  /** Signed by the Worker, and good by its own JWKS. */
  verifiedKid(): Promise<string>;
  /** A server in this process, on the same secrets. */
  node(): Promise<{ readonly manager: KeyManager; readonly apiTokens: ApiTokens }>;
}

export const SETTINGS = {
  KEYTURN_SECRET_ID: "auth/keyturn",
  KEYTURN_KEK_SECRET_ID: "auth/keyturn-kek",
  KEYTURN_AWS_REGION: "us-east-1",
  // Seconds, so that what was committed elsewhere is soon seen.
  KEYTURN_REFRESH_SECONDS: "2",
} as const;

export interface OnAwsOptions {
  readonly vars?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string | null>>;
  readonly allowed?: readonly string[];
  /** Before the Worker is started. */
  readonly arrange?: (aws: AwsService) => Readonly<Record<string, string>>;
}

export async function startOnAws(options: OnAwsOptions = {}): Promise<WorkerOnAws> {
  const aws = await startAwsService();
  const arranged = options.arrange?.(aws) ?? {};
  const vars = { ...SETTINGS, KEYTURN_AWS_ENDPOINT: aws.endpoint, ...options.vars, ...arranged };
  const secrets = {
    KEYTURN_KEK: null,
    ...variables(aws.principal("worker", options.allowed)),
    ...options.secrets,
  };
  const config = "test/cloudflare/secrets-manager/wrangler.toml";
  const worker = await startWorker({ config, vars, secrets });
  const asked = (path: string, token: string, init: RequestInit) =>
    fetch(`${worker.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "if-match": "*" },
    });

  const onAws: WorkerOnAws = {
    aws,
    worker,
    command: (method, path, body) =>
      asked(path, SECRETS.KEYTURN_ADMIN_TOKEN, {
        method,
        ...(method === "POST" ? { body: JSON.stringify(body ?? {}) } : {}),
      }),
    sign: (token = SECRETS.KEYTURN_API_TOKEN) =>
      asked("/v1/tokens", token, { method: "POST", body: JSON.stringify({ claims: { sub: "someone" } }) }),
    jwks: async () => (await fetch(`${worker.url}/.well-known/jwks.json`)).json(),
    async verifiedKid() {
      const { token } = await (await onAws.sign()).json();
      const { protectedHeader } = await jwtVerify(token, createLocalJWKSet(await onAws.jwks()), {
        issuer: worker.url,
      });
      return protectedHeader.kid ?? "";
    },
    async node() {
      const at = { endpoint: aws.endpoint, region: aws.region, credentials: aws.principal("node") };
      const texts = await secretKek({ ...at, secretId: vars.KEYTURN_KEK_SECRET_ID }).read();
      if (texts === null) throw new Error("There is no KEK.");
      const store = secretsManagerStore({ ...at, secretId: vars.KEYTURN_SECRET_ID });
      const manager = await createKeyManager({ store, issuer: worker.url, kek: texts.kek });
      const apiTokens = await createApiTokens({
        store: secretsManagerStore({ ...at, secretId: `${vars.KEYTURN_SECRET_ID}-api-token-book` }),
        ring: manager.ring().id,
        keks: [await parseKek(texts.kek)],
      });
      return { manager, apiTokens };
    },
  };
  return onAws;
}

function variables({ accessKeyId, secretAccessKey }: Credentials) {
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}
