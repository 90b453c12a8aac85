/** From a configuration to a manager: the file store, the secrets, the audit log, the probe. */
import type { KeyManager } from "../manager/manager.ts";
import { createKeyManager } from "../manager/manager.ts";
import { fileStore } from "../store/file.ts";
import { makeFolder } from "../store/file-access.ts";
import { ringMissing } from "../store/store.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { type AuditLog, fileAuditLog, noAuditLog, stdoutAuditLog } from "./audit-log.ts";
import { type Config, ringFolder } from "./config.ts";
import { probeOf } from "./probe.ts";
import { createSecrets, readKeks } from "./secrets.ts";

export interface OpenedRing {
  readonly manager: KeyManager;
  /** Resolves when all records committed so far have reached the audit log. */
  audited(): Promise<void>;
  /** Secret files that were made because there were none. */
  readonly created: readonly string[];
  /** Whether the ring was made because there was none. */
  readonly ringCreated: boolean;
}

export interface OpenOptions {
  /** Whether to make what is missing: folder, KEK, API token, ring. */
  readonly create: boolean;
  /** What goes to stdout: audit records, where the configuration wants them there, or a command's result. */
  readonly stdout: "audit" | "result";
  readonly environment: Record<string, string | undefined>;
  readonly onEvent: OnEvent;
}

/** @throws KeyturnError as `createKeyManager`, and what reading files can throw. */
export async function openConfigured(config: Config, options: OpenOptions): Promise<OpenedRing> {
  const store = fileStore(ringFolder(config));
  // A ring without its KEK must not get a new one: nothing is made where a ring is.
  const missing = (await store.load()) === null;
  if (missing && !options.create) throw ringMissing(store);
  if (missing) await makeFolder(config.folder);
  const created = missing ? await createSecrets(config, options.environment) : [];
  const { kek, previousKek } = await readKeks(config, options.environment);
  const log = await openAuditLog(config, options.stdout);
  let audited: Promise<void> = Promise.resolve();
  let ringCreated = false;

  const manager = await createKeyManager({
    store,
    kek,
    ...(previousKek === null ? {} : { previousKek }),
    issuer: config.issuer,
    policy: config.policy,
    tokenTyp: config.tokenTyp,
    createIfMissing: missing,
    ...(config.probe ? { probe: probeOf(config) } : {}),
    ...anchored(log),
    onEvent(event) {
      options.onEvent(event);
      if (event.type === "ring_advanced") {
        ringCreated ||= event.own && event.records.some(({ generation }) => generation === 1);
        audited = log
          .append(event.records)
          .catch((error) => options.onEvent({ type: "audit_failed", error }));
      }
    },
  });
  return { manager, audited: () => audited, created, ringCreated };
}

function anchored(log: AuditLog) {
  const anchor = log.last();
  return anchor === null ? {} : { anchor };
}

function openAuditLog({ auditLog }: Config, stdout: OpenOptions["stdout"]): Promise<AuditLog> | AuditLog {
  if (auditLog !== "stdout") return fileAuditLog(auditLog);
  return stdout === "audit" ? stdoutAuditLog() : noAuditLog();
}
