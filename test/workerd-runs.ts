/** Whether the tests that run in workerd can run here; where they cannot, nobody must take that for a success. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import process from "node:process";

/** Set to 1 by who knows that workerd cannot run here, and wants the other tests all the same. */
const SKIP = "KEYTURN_SKIP_WORKERD";

/** What is left out then. The rest of test/cloudflare only bundles. */
export const NEEDS_WORKERD = "test/cloudflare/!(bundle|workerd-runs).test.ts";

/** Whether workerd's tests are to run; says loudly where they are not. @throws where they cannot and nobody said to skip them */
export function workerdRuns(): boolean {
  if (isSkipped()) {
    console.warn(
      framed([
        `${SKIP}=1: everything that runs in workerd is LEFT OUT of these tests.`,
        "That is the Durable Object, the Worker, the verifier in workerd, and all of `wrangler dev`.",
      ]),
    );
    return false;
  }
  const fault = faultOfWorkerd();
  if (fault === null) return true;
  throw new Error(
    framed([
      `workerd, the runtime of Cloudflare Workers, cannot run on this machine: ${fault}`,
      "A part of the tests needs it, so they fail here. What to do:",
      "  - install it: npm ci, with install scripts allowed for workerd, on Linux (glibc 2.35), macOS or Windows;",
      `  - or leave that part out, and know that it was: ${SKIP}=1 npm test`,
    ]),
  );
}

export function isSkipped(): boolean {
  return process.env[SKIP] === "1";
}

function faultOfWorkerd(): string | null {
  try {
    const { status, signal, error, stdout, stderr } = spawnSync(binary(), ["--version"], {
      encoding: "utf8",
    });
    if (error !== undefined) throw error;
    if (status === 0 && stdout.startsWith("workerd ")) return null;
    return `it ended with ${signal ?? `status ${status}`}. ${stderr.trim()}`;
  } catch (error) {
    return String(error);
  }
}

/** The same one that wrangler starts. @throws where there is none for this machine */
function binary(): string {
  const wrangler = createRequire(import.meta.resolve("wrangler/package.json"));
  return process.env["MINIFLARE_WORKERD_PATH"] ?? wrangler("workerd").default;
}

function framed(lines: readonly string[]): string {
  const rule = "=".repeat(100);
  return ["", rule, ...lines, rule, ""].join("\n");
}
