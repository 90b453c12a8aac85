/** Makes the ring of an issuer that runs already, around the key that it signs with now. */
import { KeyturnError } from "../../errors.ts";
import type { Adoption } from "../../manager/adopt.ts";
import { createKeyManager } from "../../manager/manager.ts";
import type { KeyRing } from "../../ring/ring.ts";
import { makeFolder } from "../../store/file-access.ts";
import { memoryStore } from "../../store/memory.ts";
import type { OnEvent } from "../../telemetry/events.ts";
import type { Config } from "../config.ts";
import { createKek, parseKeks, readKeks } from "../secrets.ts";
import { storeOf } from "../store.ts";
import { readKeyFile } from "./key-file.ts";

export interface ImportOrder extends Omit<Adoption, "privateJwk"> {
  readonly file: string;
  /** Opens a file that `keyturn export` sealed under a passphrase. */
  readonly passphrase: string | null;
}

export interface Imported {
  /** Secret files that were made because there were none. */
  readonly created: readonly string[];
  /** Whether the ring was made because there was none. */
  readonly ringCreated: boolean;
  /** Keys that stayed behind in the file: tokens that they signed no longer verify once this ring is served. */
  readonly others: number;
  /** True when neither file nor order said by which kid the key is known, so that its thumbprint was taken. */
  readonly kidAssumed: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Repeated with the same key, it is the same as once.
 *
 * @param environment Where secrets may stand. A copy is read, so that whoever opens the ring next finds them.
 * @throws KeyturnError `ring_exists` when there is a ring without that key; `import_invalid`,
 *   `passphrase_invalid`, and what opening a ring can throw
 */
export async function importRing(
  config: Config,
  order: ImportOrder,
  environment: Environment,
  onEvent: OnEvent = () => {},
): Promise<Imported> {
  const { file, passphrase, ...adoption } = order;
  // First, and once through in memory, so that nothing is made for a key that is no use.
  const keks = async () => parseKeks(await readKeks(config, { ...environment }));
  const { privateJwk, others } = await readKeyFile(file, order.kid ?? null, { passphrase, keks });
  const { issuer, policy, tokenTyp } = config;
  const adopt = { ...adoption, privateJwk };
  await createKeyManager({ store: memoryStore(), issuer, policy: { ...policy, standby: false }, adopt });

  const store = storeOf(config, "ring");
  const missing = (await store.load()) === null;
  if (missing) await makeFolder(config.folder);
  const created = missing ? await createKek(config, { ...environment }) : [];
  const texts = await readKeks(config, { ...environment });
  const { kek, previousKek } = texts;
  const manager = await createKeyManager({
    ...{ store, kek, issuer, policy, tokenTyp, adopt, onEvent },
    ...(previousKek === null ? {} : { previousKek }),
  });
  if (!holds(manager.ring(), privateJwk)) throw exists();
  const kidAssumed = order.kid === undefined && privateJwk["kid"] === undefined;
  return { created, ringCreated: missing, others, kidAssumed };
}

/** Whether the ring, new or one that was there, has this very key. */
function holds({ keys }: KeyRing, privateJwk: Adoption["privateJwk"]): boolean {
  return keys.some(({ publicJwk }) =>
    Object.entries(publicJwk).every(([member, value]) => privateJwk[member] === value),
  );
}

function exists(): KeyturnError {
  return new KeyturnError("ring_exists", "There is a ring already, and it does not have this key.", {
    fix: "Import into a folder of its own (--folder), or a secret of its own (--secret-id). A key cannot join a ring that has keys of its own.",
  });
}
