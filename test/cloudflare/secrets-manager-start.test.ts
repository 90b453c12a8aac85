/** What a Worker on AWS needs to start, and what it says where something lacks. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { environmentOfWrangler, WRANGLER } from "./running-worker.ts";
import { type OnAwsOptions, startOnAws, type WorkerOnAws } from "./secrets-manager/worker-on-aws.ts";

async function started(options: OnAwsOptions) {
  const on = await startOnAws(options);
  onTestFinished(async () => {
    await on.worker.stop();
    await on.aws.stop();
  });
  return on;
}

/** A line of the log comes through wrangler, and so later than the answer. */
function logs({ worker }: WorkerOnAws, expected: RegExp): Promise<void> {
  return vi.waitFor(() => expect(JSON.stringify(worker.lines())).toMatch(expected), { timeout: 10_000 });
}

/** Two clients of the SDK are half of it. A Worker may have 3 MB. */
const GZIP_BYTES_MAX = 220_000;

describe("the Worker on AWS Secrets Manager", { timeout: 60_000 }, () => {
  it("names the permission that its credentials lack, and takes up its work when it is there", async () => {
    const on = await started({ allowed: ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"] });
    expect((await on.sign()).status).toBe(503);
    await logs(on, /The credentials lack secretsmanager:(CreateSecret|PutSecretValue) on/);
    on.aws.principal("worker", ["*"]);
    expect((await on.sign()).status).toBe(200);
  });

  it("keeps the KEK wrapped by KMS, for this issuer only", async () => {
    const on = await started({
      arrange: (aws) => ({ KEYTURN_KMS_KEY_ID: aws.makeKey("alias/keyturn").keyId }),
    });
    await on.verifiedKid();
    expect(JSON.stringify(on.aws.secret("auth/keyturn-kek")?.versions)).toContain("kms.");
    expect(on.aws.calls.filter(({ operation }) => operation.startsWith("GenerateDataKey"))).toHaveLength(1);
    expect((await on.command("POST", "/v1/ring/rotate")).status).toBe(200);
  });

  it("takes a KEK that is bound as a secret of the Worker's", async () => {
    const on = await started({ secrets: { KEYTURN_KEK: "Zt1nB2cV6f8QwErTyU9iOpAsDfGhJkLzXcVbNm45678" } });
    await on.verifiedKid();
    expect(on.aws.secret("auth/keyturn-kek")).toBeNull();
  });

  it("lists all that is wrong with its settings at once, in its log and to nobody else", async () => {
    const on = await started({
      vars: { KEYTURN_AWS_REGION: "none", KEYTURN_SECRET_ID: "no spaces", KEYTURN_TOKEN_SECONDS: "many" },
    });
    const answer = await fetch(`${on.worker.url}/.well-known/jwks.json`);
    expect(answer.ok).toBe(false);
    expect(await answer.text()).not.toContain("spaces");
    for (const at of [/secretId/, /tokenSeconds/]) await logs(on, at);
  });

  it("says that there are no credentials", async () => {
    const on = await started({ secrets: { AWS_ACCESS_KEY_ID: null } });
    expect((await on.sign()).status).toBeGreaterThanOrEqual(500);
    await logs(on, /The Worker has no AWS credentials\./);
  });

  it("is a bundle without node:, of a size that is known", async () => {
    const on = await started({});
    const out = join(on.worker.folder, "out");
    const config = join(on.worker.folder, "test/cloudflare/secrets-manager/wrangler.toml");
    const args = ["deploy", "--dry-run", "--config", config, "--outdir", out];
    const { status, stdout, stderr } = spawnSync(process.execPath, [WRANGLER, ...args], {
      cwd: on.worker.folder,
      env: environmentOfWrangler(),
      encoding: "utf8",
    });
    expect(status, stderr).toBe(0);
    expect(stdout + stderr).not.toMatch(/warn/i);
    const code = readFileSync(resolve(out, "worker.js"), "utf8");
    expect(code).not.toMatch(/["']node:|nodejs_compat/);
    expect(gzipSync(code).length).toBeLessThan(GZIP_BYTES_MAX);
  });
});
