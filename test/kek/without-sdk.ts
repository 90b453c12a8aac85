/** A process in which the AWS SDK is not installed. Prints what the sources of a KEK say at their first call. */
import { registerHooks } from "node:module";
import process from "node:process";
import { isKeyturnError } from "../../src/errors.ts";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith("@aws-sdk/")) throw new Error(`Cannot find package '${specifier}'`);
    return next(specifier, context);
  },
});

const { secretKek } = await import("../../src/kek/secrets-manager.ts");
const { kmsKek } = await import("../../src/kek/kms.ts");
const wrapped = {
  description: "a place",
  read: async () => ({ kek: "kms.AAAA", previousKek: null }),
  put: async (make: () => Promise<string>) => (await make()) !== "",
};
const region = "us-east-1";
const sources = [
  secretKek({ secretId: "kek", region }),
  kmsKek({ keyId: "alias/kek", context: { ring: "ring", schema: "1" }, wrapped, region }),
];
for (const source of sources) {
  for (const call of [() => source.read(), () => source.create?.()]) {
    const error = await Promise.resolve(call()).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    const told = isKeyturnError(error) ? `${error.code}: ${error.message} ${error.fix}` : String(error);
    process.stdout.write(`${told}\n`);
  }
}
