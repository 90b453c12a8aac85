/**
 * The conformance suite in an account of AWS, with whatever credentials and region the SDK finds there:
 *
 *     KEYTURN_TEST_AWS_SECRET=keyturn-test npx vitest run test/store/secrets-manager/account.test.ts
 *
 * Every case has a secret of its own, `<that name>-<random>`, which is deleted without recovery afterwards.
 */
import { randomUUID } from "node:crypto";
import { DeleteSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, describe, it } from "vitest";
import { secretsManagerStore } from "../../../src/store/secrets-manager/index.ts";
import { storeContract } from "../../../src/testing/index.ts";

const prefix = process.env["KEYTURN_TEST_AWS_SECRET"];

describe.skipIf(prefix === undefined)(
  "a secret in an account of AWS keeps the contract of every store:",
  () => {
    const made: string[] = [];

    afterAll(async () => {
      const client = new SecretsManagerClient();
      for (const SecretId of made) {
        const deletion = new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true });
        // A case that is refused its first commit leaves no secret.
        await client.send(deletion).catch((error: Error) => {
          if (error.name !== "ResourceNotFoundException") throw error;
        });
      }
      client.destroy();
    }, 120_000);

    for (const { name, run } of storeContract) {
      it(name, { timeout: 120_000 }, async () => {
        const secretId = `${prefix}-${randomUUID()}`;
        made.push(secretId);
        await run({ open: async () => secretsManagerStore({ secretId }) });
      });
    }
  },
);
