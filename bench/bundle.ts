/** What a verifier adds to a Worker: everything that its one import pulls in, minified and compressed. */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import type { Figure, Group } from "./report.ts";

const TARGET_KILOBYTES = 8;

const GROUP = "verify-bundle";

const IMPORTS = [
  {
    name: "keyturn",
    code: 'export { createVerifier, isVerifyError } from "keyturn/verifier";',
    target: TARGET_KILOBYTES,
  },
  { name: "jose", code: 'export { createRemoteJWKSet, jwtVerify } from "jose";' },
];

export const bundleGroups: readonly Group[] = [{ name: GROUP, run: measure }];

async function measure(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { name, code, target } of IMPORTS) {
    const bundle = await bundled(code);
    figures.push({
      group: GROUP,
      case: name,
      opsPerSecond: null,
      ratio: null,
      kilobytes: gzipSync(bundle, { level: 9 }).length / 1000,
      ...(target === undefined ? {} : { target }),
    });
  }
  return figures;
}

/** For a platform without Node's modules, on which `#signature-check` is WebCrypto. */
async function bundled(code: string): Promise<string> {
  // In this folder, from where "keyturn" is found as the package that it is in.
  const entry = fileURLToPath(new URL("./worker.js", import.meta.url));
  const build = await rolldown({
    input: entry,
    platform: "browser",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === entry ? entry : null),
        load: (id) => (id === entry ? code : null),
      },
    ],
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  const [chunk, ...others] = output;
  if (others.length > 0 || chunk.imports.length > 0 || /\bnode:/.test(chunk.code))
    throw new Error(`The bundle needs what a Worker does not have: ${chunk.imports.join()}`);
  return chunk.code;
}
