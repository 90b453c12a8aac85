/** A Worker of a user's own beside a server: it signs by itself with the ring in AWS Secrets Manager. */
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { kmsKek } from "../../src/kek/kms.ts";
import { secretKek } from "../../src/kek/secrets-manager.ts";
import { createKeyManager, type KeyManager } from "../../src/manager/manager.ts";
import { secretsManagerStore } from "../../src/store/secrets-manager/index.ts";
import { type AwsService, startAwsService } from "../aws/service.ts";
import { type RunningWorker, startWorker } from "./running-worker.ts";

const ISSUER = "https://auth.example.com";
/** Of the ring: short, so that what a Worker does at the end of its lease is seen. */
const POLICY = { leaseSeconds: 4, refreshSeconds: 2 };

let aws: AwsService;
let worker: RunningWorker;
let manager: KeyManager;

beforeAll(async () => {
  aws = await startAwsService();
  const { keyId } = aws.makeKey();
  const credentials = aws.principal("server");
  const at = { endpoint: aws.endpoint, region: aws.region, credentials };
  const wrapped = secretKek({ ...at, secretId: "auth/keyturn-kek" });
  const source = kmsKek({ ...at, keyId, context: { ring: ISSUER, schema: "1" }, wrapped });
  await source.create?.();
  const texts = await source.read();
  const store = secretsManagerStore({ ...at, secretId: "auth/keyturn" });
  manager = await createKeyManager({ store, issuer: ISSUER, kek: texts?.kek ?? "", policy: POLICY });
  const reader = aws.principal("reader", [
    ...["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "kms:Decrypt"],
  ]);
  worker = await startWorker({
    config: "test/cloudflare/secrets-manager-signer/wrangler.toml",
    vars: { ISSUER, KEYTURN_AWS_ENDPOINT: aws.endpoint, KEYTURN_KMS_KEY_ID: keyId },
    secrets: { AWS_ACCESS_KEY_ID: reader.accessKeyId, AWS_SECRET_ACCESS_KEY: reader.secretAccessKey },
  });
}, 60_000);
afterAll(async () => {
  await worker.stop();
  await aws.stop();
});
beforeEach(() => aws.clearFaults());

async function signed(): Promise<string> {
  const answer = await fetch(worker.url);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return (await answer.json()).token;
}

describe("a Worker that signs by itself", { timeout: 60_000 }, () => {
  it("survives a first request whose client has gone while AWS was silent", async () => {
    aws.fault("*", { delayMilliseconds: 1500 });
    const gone = fetch(worker.url, { signal: AbortSignal.timeout(300) }).catch(() => "gone");
    expect(await gone).toBe("gone");
    await signed();
  });

  it("opens a KEK that KMS has wrapped, and answers all who come at once", async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, signed));
    const jwks = createLocalJWKSet(JSON.parse(JSON.stringify(manager.jwks())));
    for (const token of tokens) await jwtVerify(token, jwks, { issuer: ISSUER });
  });

  it("reads the ring anew when its lease is over, and signs with the key that emits then", async () => {
    const { emitter } = manager.status();
    await manager.revoke(emitter, { reason: "leaked", actor: "test" });
    await vi.waitFor(
      async () => expect(decodeProtectedHeader(await signed()).kid).toBe(manager.status().emitter),
      { timeout: 20_000, interval: 200 },
    );
  });

  it("is not held up for ever by a renewal that ended with the request that began it", async () => {
    await signed();
    await vi.waitFor(
      async () => {
        aws.clearFaults();
        aws.fault("DescribeSecret", "hangs");
        const cut = await fetch(worker.url, { signal: AbortSignal.timeout(200) }).then(
          () => false,
          () => true,
        );
        expect(cut).toBe(true);
      },
      { timeout: 20_000, interval: 100 },
    );
    aws.clearFaults();
    await vi.waitFor(() => Promise.all(Array.from({ length: 10 }, signed)), {
      timeout: 20_000,
      interval: 200,
    });
  });
});
