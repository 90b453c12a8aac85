import { afterEach, expect, it, vi } from "vitest";
import { stdoutAuditLog } from "../../../src/node/audit-log.ts";
import { chainOf } from "./chain.ts";

type Done = (error?: Error | null) => void;

/** What was written to stdout, and what each write waits for. */
const lines: string[] = [];
const waiting: Done[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  lines.length = waiting.length = 0;
});

function listen(): void {
  vi.spyOn(process.stdout, "write").mockImplementation(((text: string, done: Done) => {
    lines.push(...text.split("\n").slice(0, -1));
    waiting.push(done);
    return true;
  }) as typeof process.stdout.write);
}

it("an audit log on stdout has what the system took, and nothing that waits for a reader", async () => {
  listen();
  const records = await chainOf(3);
  const log = stdoutAuditLog();
  const appended = log.append(records.slice(0, 2));
  await vi.waitFor(() => expect(waiting).toHaveLength(1));
  expect(log.last()).toBeNull();
  // The ring's tail comes by again and again.
  const again = log.append(records);
  waiting[0]?.();
  await appended;
  expect(log.last()).toEqual(records[1]);
  await vi.waitFor(() => expect(waiting).toHaveLength(2));
  waiting[1]?.();
  await again;
  expect(lines).toEqual(records.map((record) => JSON.stringify(record)));
});

it("an audit log on a stdout that nobody reads any more fails, and writes all again for the next reader", async () => {
  listen();
  const records = await chainOf(2);
  const log = stdoutAuditLog();
  const broken = log.append(records.slice(0, 1));
  await vi.waitFor(() => expect(waiting).toHaveLength(1));
  waiting[0]?.(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  await expect(broken).rejects.toMatchObject({ code: "audit_undelivered" });
  expect(log.last()).toBeNull();
  const appended = log.append(records);
  await vi.waitFor(() => expect(waiting).toHaveLength(2));
  waiting[1]?.();
  await appended;
  expect(lines.slice(1)).toEqual(records.map((record) => JSON.stringify(record)));
});
