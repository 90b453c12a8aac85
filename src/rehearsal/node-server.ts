/** `keyturn serve` in a process of its own, its ring in a folder or in secrets that go when the rehearsal ends. */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome, RevokeOutcome } from "../manager/commands.ts";
import type { Status } from "../manager/status.ts";
import type { AuditRecord } from "../ring/audit.ts";
import { type NodeProcess, startNode } from "./node-process.ts";
import { REHEARSED_POLICY } from "./scale.ts";
import type { Operator, Rehearsed } from "./server.ts";
import { inFolder, inSecrets, type SecretToRehearse } from "./store.ts";

export interface NodeServerOptions {
  /** Path of the command line's main file. */
  readonly cli: string;
  /** The whole environment of the processes that it starts. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The secret beside which it is played, in secrets of its own. Default: in a folder of its own. */
  readonly secret?: SecretToRehearse | undefined;
}

/** @throws KeyturnError `config_invalid` when the secret cannot be named */
export function nodeServer({ cli, environment, secret }: NodeServerOptions): Rehearsed {
  const store = secret === undefined ? inFolder : inSecrets(secret);
  return {
    store: store.description,
    async start({ onLog, atEnd, signal }) {
      const folder = await temporaryFolder();
      atEnd(folder.remove);
      await store.assertRemovable();
      atEnd(store.remove);
      const settings = {
        ...store.settings,
        ...REHEARSED_POLICY,
        listen: "127.0.0.1:0",
        tickSchedule: "* * * * * *",
      };
      const node = await startNode({ cli, environment, folder: folder.path, settings, onLog }, signal);
      atEnd(node.stop);
      const { url, apiToken, ended, lastWords } = node;
      return { url, apiToken, ended, lastWords, operator: commandLine(node) };
    },
  };
}

function commandLine({ command }: Pick<NodeProcess, "command">): Operator {
  return {
    status: async () => (await command("status")) as Status,
    rollback: async (reason) => (await command("rollback", "--reason", reason, "--yes")) as Outcome,
    pause: (reason) => command("pause", "--reason", reason),
    resume: () => command("resume"),
    revoke: async (kid, reason) =>
      (await command("revoke", kid, "--reason", reason, "--yes")) as RevokeOutcome,
    verifyAudit: () => command("audit", "verify"),
    audit: async () => (await command("audit", "show")) as AuditRecord[],
  };
}

/** Removed in any case, at the latest when this process ends. */
async function temporaryFolder(): Promise<{ readonly path: string; remove(): void }> {
  const path = await mkdtemp(join(tmpdir(), "keyturn-rehearsal-"));
  const remove = () => {
    rmSync(path, { recursive: true, force: true });
    process.off("exit", remove);
  };
  process.once("exit", remove);
  return { path, remove };
}
