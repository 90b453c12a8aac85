/**
 * One record per commit, written in the same commit, each naming the hash of the one before. An
 * edit, a gap, an insertion or a swap breaks the chain. Cutting off its end, or rewriting all of
 * it with the KEK in hand, shows only against a head that was kept elsewhere.
 */
import canonicalize from "canonicalize";
import { base64url } from "jose";
import { KeyturnError } from "../errors.ts";

export type AuditEventName =
  | "init"
  | "accept"
  | "confirm"
  | "emit"
  | "revoke"
  | "rollback"
  | "rotate_requested"
  | "pause"
  | "resume"
  | "policy_changed"
  | "rewrap"
  | "export";

/** What a step says of itself. */
export interface AuditEvent {
  readonly event: AuditEventName;
  readonly oldKid: string | null;
  readonly newKid: string | null;
  /** Present when an emergency made a key emit before its hold had passed. */
  readonly earlyEmit?: true;
  /** What else was changed, by name: the fields of a new policy, the id of a new KEK. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Who caused a commit, and why. */
export interface AuditCause {
  /** `automatic` for the schedule, `manual` for an operator. */
  readonly trigger: "automatic" | "manual";
  /** Who: `schedule`, `cli`, an API token's name. */
  readonly actor: string;
  readonly reason: string | null;
}

export interface AuditRecord extends AuditEvent, AuditCause {
  readonly ring: string;
  /** The generation that this record's commit made. */
  readonly generation: number;
  /** Epoch seconds on the committing node's clock. Order is by generation, never by time. */
  readonly at: number;
  /** Hash of the record before; of the ring id for the first. */
  readonly previous: string;
  /** SHA-256, base64url, over the canonical JSON (RFC 8785) of all members above. */
  readonly hash: string;
}

/** Records kept inside the ring; older ones live in the audit sink alone. */
export const AUDIT_TAIL_RECORDS = 32;

/** Long reasons make long records; whatever they say, the tail takes no more than a quarter of the document. */
export const AUDIT_TAIL_BYTES = 16_384;

/** The newest of `records` that fit into the ring, and the newest in any case. */
export function tailOf(records: readonly AuditRecord[]): AuditRecord[] {
  const tail = records.slice(-AUDIT_TAIL_RECORDS);
  while (tail.length > 1 && tailBytes(tail) > AUDIT_TAIL_BYTES) tail.shift();
  return tail;
}

/** What records take in the ring's tail. */
export function tailBytes(records: readonly AuditRecord[]): number {
  return new TextEncoder().encode(JSON.stringify(records)).length;
}

/** Adds the hash that chains `draft` to what it names as `previous`. */
export async function chained(draft: Omit<AuditRecord, "hash">): Promise<AuditRecord> {
  return { ...draft, hash: await sha256(canonicalize(draft) as string) };
}

/** What the first record of a ring names as its predecessor, so that chains of two rings cannot be mixed. */
export function genesisHash(ring: string): Promise<string> {
  return sha256(`keyturn audit ${ring}`);
}

/**
 * Checks an unbroken run of records. Only a run that starts at generation 1 proves that nothing
 * is missing before it; `anchor` is a hash kept elsewhere that must occur in the run.
 *
 * @throws KeyturnError `audit_broken`, naming the first generation that does not hold.
 */
export async function verifyChain(records: readonly AuditRecord[], anchor?: string): Promise<void> {
  let before: AuditRecord | null = null;
  for (const record of records) {
    const { hash, ...draft } = record;
    if ((await chained(draft)).hash !== hash)
      throw broken(record, "was changed: its hash does not fit its content");
    if (before === null) {
      if (record.generation === 1 && record.previous !== (await genesisHash(record.ring))) {
        throw broken(record, "does not begin the chain of its ring");
      }
    } else if (record.generation !== before.generation + 1) {
      throw broken(
        record,
        `follows generation ${before.generation}: records are missing, inserted or out of order`,
      );
    } else if (record.previous !== before.hash || record.ring !== before.ring) {
      throw broken(record, "does not name the record before it");
    }
    before = record;
  }
  if (anchor !== undefined && !records.some((record) => record.hash === anchor)) {
    throw new KeyturnError("audit_broken", "No record has the hash given as anchor.", {
      fix: "The chain was cut off or replaced after the anchor was noted. Compare with another copy of the log.",
    });
  }
}

function broken(record: AuditRecord, why: string): KeyturnError {
  return new KeyturnError("audit_broken", `The audit record of generation ${record.generation} ${why}.`, {
    fix: "Compare the log with another copy (the ring's own tail, a backup, a forwarded log).",
  });
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return base64url.encode(new Uint8Array(digest));
}
