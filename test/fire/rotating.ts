/**
 * One of many processes on one ring: `rotating.ts <folder>`. Told an instant and a command, it
 * carries the command out at that instant, keeps the audit log, and says how it went.
 */
import { join } from "node:path";
import process from "node:process";
import { isKeyturnError } from "../../src/errors.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { fileAuditLog } from "../../src/node/audit-log.ts";
import { fileStore } from "../../src/store/file.ts";
import { type Answer, KEK, type Order, POLICY, STARTS_AT } from "./orders.ts";

const [folder = ""] = process.argv.slice(2);
let elapsedSeconds = 0;
const clock = { now: () => STARTS_AT + elapsedSeconds, monotonic: () => elapsedSeconds };

let audited: Promise<void> = Promise.resolve();
const log = fileAuditLog(join(folder, "audit.jsonl"));

/** Made at the first order, so that all processes find the folder empty at the same instant. */
const open = () =>
  createKeyManager({
    store: fileStore(join(folder, "ring")),
    issuer: "https://auth.example.com",
    kek: KEK,
    policy: POLICY,
    clock,
    onEvent: (event) => {
      if (event.type === "ring_advanced") audited = log.append(event.records);
    },
  });
let opened: ReturnType<typeof open> | undefined;

async function carriedOut({ command, reason }: Order): Promise<Answer> {
  opened ??= open();
  const keys = await opened;
  if (command === "open") return { emitter: keys.status().emitter };
  if (command === "tick") {
    const { step } = await keys.tick();
    return { changed: step !== null };
  }
  const { changed, generation, emitter } = await keys[command]({ reason });
  return { changed, generation, emitter };
}

process.on("message", async (order: Order) => {
  elapsedSeconds = order.elapsedSeconds;
  const answer = await carriedOut(order).catch((error: unknown): Answer => {
    if (isKeyturnError(error)) return { refused: error.code };
    throw error;
  });
  await audited;
  process.send?.(answer);
});
process.send?.({} satisfies Answer);
