/** A process in which the AWS SDK is not installed. Prints what the store says at its first call. */
import { registerHooks } from "node:module";
import process from "node:process";
import { isKeyturnError } from "../../../src/errors.ts";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith("@aws-sdk/")) throw new Error(`Cannot find package '${specifier}'`);
    return next(specifier, context);
  },
});

const { secretsManagerStore } = await import("../../../src/store/secrets-manager/index.ts");
const store = secretsManagerStore({ secretId: "ring", region: "us-east-1" });
for (const call of [() => store.load(), () => store.replace("ring", null)]) {
  const error = await call().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const told = isKeyturnError(error) ? `${error.code}: ${error.message} ${error.fix}` : String(error);
  process.stdout.write(`${told}\n`);
}
