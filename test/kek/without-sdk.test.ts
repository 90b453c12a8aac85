import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("says what to install where the AWS SDK is not, and not before it is needed", async () => {
  const script = fileURLToPath(new URL("without-sdk.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  const [read, create, kmsRead, kmsCreate] = stdout.trim().split("\n");
  expect(read).toMatch(/^config_invalid: The AWS SDK.*npm install @aws-sdk\/client-secrets-manager$/);
  expect(create).toBe(read);
  expect(kmsRead).toMatch(/^config_invalid: The AWS SDK.*npm install @aws-sdk\/client-kms$/);
  expect(kmsCreate).toBe(kmsRead);
});
