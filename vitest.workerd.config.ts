import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { verifierWorkers } from "./test/workerd/verifier-workers.ts";

export default defineConfig(async () => ({
  plugins: [
    cloudflareTest({
      main: "./test/workerd/worker.ts",
      wrangler: { configPath: "./test/workerd/wrangler.toml" },
      miniflare: {
        serviceBindings: { AUTH: "auth", ORDERS: "orders", ROUTES: "routes" },
        workers: await verifierWorkers(),
      },
    }),
  ],
  resolve: {
    alias: {
      "#signature-check": new URL("./src/verifier/signature.web.ts", import.meta.url).pathname,
      "#signature": new URL("./src/keys/signature.web.ts", import.meta.url).pathname,
    },
  },
  test: {
    name: "workerd",
    include: ["test/workerd/**/*.test.ts"],
    testTimeout: 60_000,
    maxWorkers: 3,
  },
}));
