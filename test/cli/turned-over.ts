/** A ring as it stands a minute after a turnover, for commands that have no month to wait for one. */
import { utimes } from "node:fs/promises";
import { createKeyManager, type KeyManager } from "../../src/manager/manager.ts";
import { fileAuditLog } from "../../src/node/audit-log.ts";
import { ringFolder } from "../../src/node/config.ts";
import { createKek, readKeks } from "../../src/node/secrets.ts";
import { fileStore } from "../../src/store/file.ts";
import { manualClock } from "../manager/manual-clock.ts";
import { configIn } from "../node/place.ts";

const MONTH = 30 * 86_400;
const MINUTE = 60;

/**
 * Makes it in `.keyturn` of that folder, with KEK and audit log, by a node whose clock lies in the past:
 * one key retires, one emits, one has just been accepted.
 */
export async function turnedOver(place: string): Promise<KeyManager> {
  const config = await configIn(place);
  await createKek(config, {});
  const { kek } = await readKeks(config, {});
  const clock = manualClock(Math.floor(Date.now() / 1000) - MONTH - MINUTE);
  const keys = await createKeyManager({
    store: fileStore(ringFolder(config)),
    kek,
    issuer: config.issuer,
    clock,
  });
  clock.advance(MONTH);
  await keys.tick();
  await keys.tick();
  // Its folder too says that nothing has come or gone since then.
  await utimes(ringFolder(config), clock.now(), clock.now());
  await fileAuditLog(config.auditLog).append(keys.ring().auditTail);
  return keys;
}

/** The kid of the one key in that phase. */
export function kidOf(keys: Pick<KeyManager, "status">, phase: string): string {
  const kids = keys.status().keys.filter((key) => key.phase === phase);
  if (kids.length !== 1) throw new Error(`${kids.length} keys are ${phase}.`);
  return kids[0]?.kid as string;
}
