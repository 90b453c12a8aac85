import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: {
      "#signature-check": new URL("./src/verifier/signature.node.ts", import.meta.url).pathname,
      "#signature": new URL("./src/keys/signature.node.ts", import.meta.url).pathname,
    },
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    // Some files wait on real processes most of the time, so two at once pay even on two cores.
    maxWorkers: 2,
  },
});
