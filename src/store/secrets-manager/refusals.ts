/** What Secrets Manager refuses, in words for a ring that lies in a secret. */
import type { Telling } from "../../aws/refusals.ts";
import { type SecretCall, secretTelling } from "../../aws/secret-refusals.ts";

export type { Failure } from "../../aws/refusals.ts";

export const ringTelling: Telling<SecretCall> = secretTelling([
  {
    applies: ({ name }) => name === "LimitExceededException",
    code: "store_full",
    says: ({ secretId }) =>
      `The secret ${secretId} has all that the service allows: about 100 versions, of which none younger than 24 h goes, or 20 labels.`,
    fix: () =>
      "If it is the versions, wait until the oldest are a day old, and find out what commits so often: more than once in 15 minutes is too much. If it is the labels (`aws secretsmanager describe-secret`), remove those that are not keyturn's.",
  },
]);
