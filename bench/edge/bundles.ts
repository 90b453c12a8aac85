/** Workers in one module each: ours as wrangler would deploy them, the bench's own as small as they get. */
import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { rolldown } from "rolldown";
import { temporaryFolder } from "../served.ts";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Nothing of Cloudflare's is asked, and nobody is told. */
const OFFLINE = { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };

/** The whole manager. */
export const managerCode: () => Promise<string> = once(() =>
  deployed(at("wrangler.toml"), at("dist/cloudflare/worker.js")),
);

/** A Worker that protects a route, and has nothing of keyturn but the verifier. */
export const protectedCode: () => Promise<string> = once(() =>
  deployed(at("examples/protected-worker/wrangler.toml"), at("examples/protected-worker/worker.ts")),
);

/** What the Cache API asks. */
export const cacheCode: () => Promise<string> = once(() =>
  bundled(new URL("./cache-worker.ts", import.meta.url)),
);

const LEFT_OUT = /^\[build\]\n(?:(?!\[).*\n)*|^tsconfig = .*\n/gm;

/**
 * What `wrangler deploy` would send. Less two settings: the package has been built, and `[build]` would do so again,
 * under those who read it; and `tsconfig` is given.
 */
async function deployed(config: string, main: string): Promise<string> {
  const folder = await temporaryFolder();
  try {
    const copy = join(folder, "wrangler.toml");
    await writeFile(copy, (await readFile(config, "utf8")).replace(LEFT_OUT, ""));
    const wrangler = [at("node_modules/wrangler/bin/wrangler.js"), "deploy", main, "--dry-run"];
    const options = ["--config", copy, "--tsconfig", at("tsconfig.build.json"), "--outdir", folder];
    await promisify(execFile)(process.execPath, [...wrangler, ...options], {
      env: { ...process.env, ...OFFLINE },
    });
    return await readFile(join(folder, "worker.js"), "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A Worker of the bench's own, minified like the others. */
export async function bundled(module: URL): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(module),
    platform: "browser",
    external: /^cloudflare:/,
    logLevel: "silent",
    tsconfig: at("tsconfig.build.json"),
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  return output[0].code;
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | null = null;
  return () => {
    done ??= work();
    return done;
  };
}
