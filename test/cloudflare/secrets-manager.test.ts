/** The Worker with its ring in AWS Secrets Manager: the real SDK in workerd, without nodejs_compat. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditRecord } from "../../src/ring/audit.ts";
import { keyturn } from "../cli/keyturn.ts";
import { newPlace } from "../node/place.ts";
import { startOnAws, type WorkerOnAws } from "./secrets-manager/worker-on-aws.ts";

const SOON = { timeout: 20_000, interval: 100 };

let on: WorkerOnAws;
beforeAll(async () => {
  on = await startOnAws();
}, 60_000);
afterAll(async () => {
  await on.worker.stop();
  await on.aws.stop();
});
beforeEach(() => on.aws.clearFaults());

const statusOf = async () => (await on.command("GET", "/v1/ring")).json();
const auditOf = async () => (await (await on.command("GET", "/v1/audit")).json()).records;

describe("a Worker whose ring is in AWS Secrets Manager", { timeout: 60_000 }, () => {
  it("makes ring and KEK at its first boot, once for all who ask at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? on.sign() : on.command("GET", "/v1/ring"))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(on.aws.secret("auth/keyturn-kek")?.versions).toHaveLength(1);
    const [first, ...others] = await auditOf();
    expect(first).toMatchObject({ generation: 1, actor: "init" });
    expect(others.filter(({ actor }: { actor: string }) => actor === "init")).toEqual([]);
  });

  it("signs what its JWKS verifies", async () => {
    expect(await on.verifiedKid()).toBe((await statusOf()).emitter);
  });

  it("revokes, and wakes by itself to publish another standby", async () => {
    const { emitter, generation } = await statusOf();
    const answer = await on.command("POST", `/v1/keys/${emitter}/revoke`, {
      reason: "leaked here",
      emergency: true,
    });
    expect(answer.status, await answer.clone().text()).toBe(200);
    expect((await on.jwks()).keys.map(({ kid }) => kid)).not.toContain(emitter);
    const { manager } = await on.node();
    expect(manager.jwks().keys.map(({ kid }) => kid)).not.toContain(emitter);
    await vi.waitFor(async () => {
      await manager.refresh();
      expect(manager.ring().generation).toBe(generation + 2);
    }, SOON);
    expect(manager.ring().auditTail.at(-1)).toMatchObject({ event: "accept", actor: "schedule" });
  });

  it("shows its commits to servers and commands on the same secrets", async () => {
    const { generation } = await statusOf();
    expect((await on.command("POST", "/v1/ring/pause", { reason: "a test" })).status).toBe(200);
    const { manager } = await on.node();
    expect(manager.ring()).toMatchObject({ generation: generation + 1, pausedAt: expect.any(Number) });
    const { accessKeyId, secretAccessKey } = on.aws.principal("operator");
    const environment = {
      ...{
        KEYTURN_STORE: "aws",
        KEYTURN_SECRET_ID: "auth/keyturn",
        KEYTURN_KEK_SECRET_ID: "auth/keyturn-kek",
      },
      ...{
        KEYTURN_AWS_ENDPOINT: on.aws.endpoint,
        KEYTURN_AWS_REGION: on.aws.region,
        KEYTURN_REFRESH_SECONDS: "2",
      },
      ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      KEYTURN_ISSUER: on.worker.url,
    };
    const resumed = await keyturn(await newPlace(), ["resume", "--json"], { env: environment });
    expect(resumed, resumed.stderr).toMatchObject({ status: 0 });
    await vi.waitFor(async () => expect((await statusOf()).generation).toBe(generation + 2), SOON);
    expect(await statusOf()).toMatchObject({ pausedAt: null });
  });

  it("signs with another key when a server has revoked one, and publishes another standby", async () => {
    const before = await statusOf();
    const { manager } = await on.node();
    await manager.revoke(before.emitter, { reason: "leaked", actor: "node" });
    await vi.waitFor(async () => {
      const { token } = await (await on.sign()).json();
      expect(headerOf(token).kid).not.toBe(before.emitter);
    }, SOON);
    // The server takes no step here: the object was woken by what it read.
    await vi.waitFor(async () => {
      expect((await statusOf()).generation).toBe(before.generation + 2);
    }, SOON);
    expect((await auditOf()).some(({ reason }: { reason: string | null }) => reason === "leaked")).toBe(true);
  });

  it("knows the API tokens that a server has issued, and refuses those it has revoked", async () => {
    const { apiTokens } = await on.node();
    const issued = await apiTokens.issue({ name: "orders", role: "signer", by: "node" });
    expect((await on.sign(issued.token)).status).toBe(200);
    await apiTokens.revoke(issued.view.id, { reason: "over", by: "node" });
    await vi.waitFor(async () => expect((await on.sign(issued.token)).status).toBe(401), SOON);
  });

  it("commits once when answers are lost and AWS puts it off", async () => {
    const { generation } = await statusOf();
    on.aws.fault("PutSecretValue", "throttled");
    on.aws.fault("PutSecretValue", "lost_answer");
    on.aws.fault("UpdateSecretVersionStage", "lost_answer");
    expect((await on.command("POST", "/v1/ring/pause", { reason: "again" })).status).toBe(200);
    expect((await on.command("POST", "/v1/ring/resume")).status).toBe(200);
    // A step that is due may come between.
    const since = (records: readonly AuditRecord[]) =>
      records.flatMap((record) =>
        record.generation > generation && record.actor !== "schedule" ? [record.event] : [],
      );
    expect(since(await auditOf())).toEqual(["pause", "resume"]);
    const { manager } = await on.node();
    expect(since(manager.ring().auditTail)).toEqual(["pause", "resume"]);
  });

  it("loses to a server that commits first, and then decides anew", async () => {
    const { manager } = await on.node();
    await statusOf();
    await manager.pause({ actor: "node", reason: "first" });
    const { generation } = manager.ring();
    const answer = await on.command("POST", "/v1/ring/resume");
    expect(answer.status).toBe(200);
    await manager.refresh();
    expect(manager.ring()).toMatchObject({ generation: generation + 1, pausedAt: null });
  });

  it("asks AWS seldom, however often it is asked", async () => {
    await statusOf();
    on.aws.forgetCalls();
    for (let i = 0; i < 15; i++)
      await Promise.all(Array.from({ length: 20 }, () => on.command("GET", "/v1/ring")));
    // Two reads for each of the 300 would be 600.
    expect(on.aws.calls.length).toBeLessThan(60);
  });

  it("goes on while AWS is out of reach, and says so in its log", async () => {
    on.aws.fault("*", "unavailable", { times: 1000 });
    for (let i = 0; i < 5; i++) expect((await on.sign()).status).toBe(200);
    expect((await on.command("GET", "/v1/ring")).status).toBe(200);
    await vi.waitFor(async () => {
      await on.command("GET", "/v1/ring");
      expect(on.worker.lines().some(({ msg }) => /store|ring could not/i.test(msg))).toBe(true);
    }, SOON);
    expect((await on.jwks()).keys.length).toBeGreaterThan(0);
    on.aws.clearFaults();
    await vi.waitFor(
      async () => expect((await on.command("POST", "/v1/ring/rotate")).status).toBe(200),
      SOON,
    );
  });

  it("writes no secret into its log", () => {
    const log = on.worker.log().join("\n");
    const { secretAccessKey } = on.aws.principal("worker");
    expect(log).not.toContain(secretAccessKey);
    const kek = on.aws.secret("auth/keyturn-kek")?.versions[0]?.value;
    expect(JSON.stringify(kek)).toMatch(/[\w-]{43}/);
    expect(log).not.toContain(/[\w-]{43}/.exec(JSON.stringify(kek))?.[0]);
  });
});

function headerOf(token: string): { readonly kid: string } {
  return JSON.parse(Buffer.from(token.split(".")[0] as string, "base64url").toString());
}
