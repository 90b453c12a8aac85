/** Real servers of the built command line, in folders of their own; whatever a test leaves running is ended after it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, expect } from "vitest";
import { readAuditLog } from "../../src/node/audit-log.ts";
import { type LogLine, type NodeProcess, startNode } from "../../src/rehearsal/node-process.ts";
import { REHEARSED_POLICY } from "../../src/rehearsal/scale.ts";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";

/** `npm test` builds it first. */
export const CLI = resolve("dist/cli/main.js");

const folders: string[] = [];
const running: NodeProcess[] = [];

afterEach(async () => {
  for (const node of running.splice(0)) node.send("SIGKILL");
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-scenario-"));
  folders.push(folder);
  return folder;
}

/** `serve --init` in the folder, with the rehearsal's durations and an eager schedule. */
export async function startServer(
  folder: string,
  onLog: (line: LogLine) => void = () => {},
  settings: Readonly<Record<string, string>> = {},
): Promise<NodeProcess> {
  const node = await startNode(
    {
      cli: CLI,
      folder,
      environment: cleanEnvironment(),
      settings: { ...REHEARSED_POLICY, listen: "127.0.0.1:0", tickSchedule: "* * * * * *", ...settings },
      onLog,
    },
    new AbortController().signal,
  );
  running.push(node);
  return node;
}

export function cleanEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KEYTURN_")));
}

/** Every audit record in the folder's log, which is a whole chain from the first on. */
export async function wholeHistory(folder: string): Promise<AuditRecord[]> {
  const records = await readAuditLog(join(folder, "audit.jsonl"));
  await verifyChain(records);
  expect(records.map(({ generation }) => generation)).toEqual(records.map((_, i) => i + 1));
  return records;
}
