import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** The verifier's own tests, in workerd: what they prove of Node holds there too. */
export default defineConfig({
  plugins: [
    cloudflareTest({
      miniflare: { compatibilityDate: "2026-10-20", compatibilityFlags: ["nodejs_compat"] },
    }),
  ],
  resolve: {
    alias: {
      "#signature-check": new URL("./src/verifier/signature.web.ts", import.meta.url).pathname,
      "#signature": new URL("./src/keys/signature.web.ts", import.meta.url).pathname,
    },
  },
  test: {
    name: "verifier in workerd",
    include: ["test/verifier/**/*.test.ts"],
    // These listen on sockets of Node, to which their frameworks belong, or which break as none of workerd's would.
    exclude: ["test/verifier/{express,fastify,hono,http-faults}.test.ts"],
    testTimeout: 60_000,
    maxWorkers: 3,
    // They keep nothing between them, and a runtime for each file would take as long as its tests.
    isolate: false,
  },
});
