/** What a whole node sends to another machine. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readAuditLog } from "../../../src/node/audit-log.ts";
import { type AuditRecord, verifyChain } from "../../../src/ring/audit.ts";
import { ask } from "../../http/served.ts";
import { put } from "../place.ts";
import { bearing, holding, start, startNew, stop } from "../running.ts";
import { openReceiver } from "./receiver.ts";

const AUDIT_TOKEN = "a-bearer-token-of-the-receiver";

it("sends records, denied attempts and API tokens that came and went, and goes on after a restart", async () => {
  const receiver = await openReceiver();
  const { node, config, headers } = await startNew({ auditUrl: receiver.url });
  const operator = await holding(config, "operator");
  const heard = () => receiver.requests.flatMap(({ lines }) => lines);
  const generations = () => heard().flatMap(({ generation }) => generation ?? []);

  expect((await ask(node.url, { path: "/v1/ring", headers })).status).toBe(403);
  expect((await ask(node.url, { path: "/v1/ring", headers: bearing("wrong") })).status).toBe(401);
  const pause = {
    method: "POST",
    path: "/v1/ring/pause",
    headers: { ...operator.headers, "if-match": "*" },
    body: '{"reason":"a test"}',
  };
  expect((await ask(node.url, pause)).status).toBe(200);
  await stop(node);
  expect(generations()).toEqual([1, 2]);
  expect(heard().flatMap(({ denied }) => denied ?? [])).toMatchObject([
    { action: "read-status", caller: expect.stringMatching(/^t_/), code: "forbidden", path: "/v1/ring" },
    { action: "read-status", caller: null, code: "unauthenticated", path: "/v1/ring" },
  ]);
  expect(heard().flatMap(({ apiToken }) => apiToken ?? [])).toMatchObject([
    { event: "issued", name: "first" },
  ]);
  const [init, paused] = heard().filter(({ generation }) => generation !== undefined);
  expect([init, paused]).toMatchObject([
    { event: "init", trigger: "automatic" },
    { event: "pause", trigger: "manual", actor: `operator (${operator.id})`, reason: "a test" },
  ]);

  // From now on the receiver wants to know who sends.
  const auditTokenFile = join(config.folder, "audit-token");
  await put(auditTokenFile, `${AUDIT_TOKEN}\n`);
  const again = await start({ config: { ...config, auditTokenFile } });
  await again.manager.resume();
  await stop(again);
  expect(generations()).toEqual([1, 2, 3]);
  expect(receiver.requests.at(-1)?.headers.authorization).toBe(`Bearer ${AUDIT_TOKEN}`);
  const records = heard().filter(({ generation }) => generation !== undefined) as unknown as AuditRecord[];
  await verifyChain(records);
  expect(await readAuditLog(config.auditLog)).toEqual(records);
  expect(await readFile(config.auditLog, "utf8")).not.toContain(operator.token);
  expect(JSON.stringify(receiver.requests)).not.toContain(operator.token);
});

it("keeps what a receiver that is down could not be sent, says so in its metrics, and sends it when it is back", async () => {
  const receiver = await openReceiver();
  receiver.answer = 503;
  const { node } = await startNew({ auditUrl: receiver.url, adminListen: "127.0.0.1:0" });
  await receiver.answered(1);
  await node.manager.pause();
  const metrics = () => ask(node.adminUrl as string, { path: "/metrics" }).then(({ body }) => body);
  await expect.poll(metrics).toContain('keyturn_audit_backlog_records{sink="http"} 2');
  await expect.poll(metrics).toContain('keyturn_audit_backlog_records{sink="file"} 0');
  expect(await metrics()).toMatch(/^keyturn_audit_failures_total [1-9]/m);
  receiver.answer = 204;
  await expect.poll(metrics, { timeout: 20_000 }).toContain('keyturn_audit_backlog_records{sink="http"} 0');
  expect(receiver.generations).toEqual([1, 2]);
});
