/** The service and the real SDK's clients on it, for one test; `await using` ends both. */
import { KMSClient } from "@aws-sdk/client-kms";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type AwsService, type AwsServiceOptions, startAwsService } from "./service.ts";

export interface Opened extends AsyncDisposable {
  readonly aws: AwsService;
  /** May do everything, unless told what. Asks once. */
  readonly client: SecretsManagerClient;
  as(name: string, allowed?: readonly string[], region?: string): SecretsManagerClient;
  kmsAs(name: string, allowed?: readonly string[]): KMSClient;
}

export async function opened(options: AwsServiceOptions = {}): Promise<Opened> {
  const aws = await startAwsService(options);
  const clients: { destroy(): void }[] = [];
  const noted = <Client extends { destroy(): void }>(client: Client): Client => {
    clients.push(client);
    return client;
  };
  const settings = (name: string, allowed?: readonly string[], region = aws.region) => ({
    endpoint: aws.endpoint,
    region,
    credentials: aws.principal(name, allowed),
    maxAttempts: 1,
  });
  const as: Opened["as"] = (...who) => noted(new SecretsManagerClient(settings(...who)));
  return {
    aws,
    client: as("anyone"),
    as,
    kmsAs: (name, allowed) => noted(new KMSClient(settings(name, allowed))),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      await aws.stop();
    },
  };
}

/** Version ids that a test can read: the number, over and over. */
export const versionId = (number: number): string =>
  `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

/** The exception's name and message, or what else came of it. */
export async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return "no refusal";
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
