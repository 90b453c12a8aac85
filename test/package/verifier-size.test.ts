/** What wrangler would upload for examples/protected-worker. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";

/** Half a percent of what a free Worker may have, so that nobody need think of it. */
const GZIP_BYTES_MAX = 15_360;

const folder = mkdtempSync(join(tmpdir(), "keyturn-example-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("is at most 15 KiB compressed, with the route, the snapshots and all, and needs nothing of Node", () => {
  execFileSync(
    process.execPath,
    [
      ...["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir", folder],
      ...[
        "--config",
        "examples/protected-worker/wrangler.toml",
        "--tsconfig",
        resolve("tsconfig.build.json"),
      ],
    ],
    { env: { ...process.env, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" } },
  );
  const [file, ...others] = readdirSync(folder).filter((name) => name.endsWith(".js"));
  expect([file, others]).toEqual(["worker.js", []]);
  const code = readFileSync(join(folder, "worker.js"));
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(GZIP_BYTES_MAX);
  expect(code.toString()).not.toMatch(/\bnode:|\brequire\b/);
  const imports = [...code.toString().matchAll(/from\s*"([^"]+)"/g)].map(([, name]) => name);
  expect(imports).toEqual(["cloudflare:workers"]);
});

it("is what VERIFIER.md shows", () => {
  const [comment, ...lines] = readFileSync("examples/protected-worker/worker.ts", "utf8").split("\n");
  expect(comment).toMatch(/^\/\*\*/);
  expect(readFileSync("VERIFIER.md", "utf8")).toContain(`\`\`\`ts\n${lines.join("\n")}\`\`\``);
});
