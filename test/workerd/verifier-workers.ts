/** The Workers beside the one that tests run in: an issuer, and two that verify its tokens, one of them the example. */
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** As wrangler bundles, from the sources. */
async function bundled(path: string): Promise<string> {
  const build = await rolldown({
    input: at(path),
    platform: "browser",
    external: /^cloudflare:/,
    // The paths of the other one lead to what is for Node.
    tsconfig: at("tsconfig.build.json"),
    resolve: {
      alias: {
        "#signature-check": at("src/verifier/signature.web.ts"),
        "#signature": at("src/keys/signature.web.ts"),
        "keyturn/verifier/fetch": at("src/verifier/fetch.ts"),
        "keyturn/verifier": at("src/verifier/index.ts"),
      },
    },
  });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  return output[0].code;
}

async function worker(name: string, path: string, bindings: object) {
  return {
    name,
    modules: [{ type: "ESModule" as const, path: `${name}.js`, contents: await bundled(path) }],
    compatibilityDate: "2026-10-20",
    ...bindings,
  };
}

export async function verifierWorkers() {
  const bindings = {
    bindings: {
      ISSUER: "https://auth.example.com",
      AUDIENCE: "orders",
      JWKS_URL: "https://auth.example.com/.well-known/jwks.json",
    },
    serviceBindings: { AUTH: "auth" },
  };
  return [
    await worker("auth", "test/workerd/verifier-issuer.ts", {}),
    await worker("orders", "examples/protected-worker/worker.ts", bindings),
    await worker("routes", "test/workerd/verifier-routes.ts", bindings),
  ];
}
