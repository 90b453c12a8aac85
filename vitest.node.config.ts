import { defineConfig } from "vitest/config";
import { isSkipped, NEEDS_WORKERD } from "./test/workerd-runs.ts";

export default defineConfig({
  resolve: {
    alias: {
      "#signature-check": new URL("./src/verifier/signature.node.ts", import.meta.url).pathname,
      "#signature": new URL("./src/keys/signature.node.ts", import.meta.url).pathname,
    },
  },
  test: {
    name: "node",
    include: ["test/**/*.test.ts"],
    exclude: ["test/workerd/**", ...(isSkipped() ? [NEEDS_WORKERD] : [])],
    testTimeout: 60_000,
    // Some files wait on real processes most of the time, so three at once pay even on two cores.
    maxWorkers: 3,
  },
});
