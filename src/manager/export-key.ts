/** The way out: a private key, sealed for somewhere else. Never plain, and never without a record. */
import { KeyturnError } from "../errors.ts";
import { sealUnderPassphrase } from "../keys/portable.ts";
import { openJwk, sealJwk } from "../keys/seal.ts";
import type { Algorithm } from "../ring/algorithm.ts";
import { emitterOf } from "../ring/phase.ts";
import { keyOf, type RingKey } from "../ring/ring.ts";
import { heldByAudit } from "./audit-hold.ts";
import { type Command, causeOf, describe, type Outcome, onRing } from "./commands.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Node } from "./tick.ts";

export interface ExportOrder {
  /** Which key. Default: the emitter. */
  readonly kid?: string;
  /** Seals it for any JOSE library, 20 characters at least; null seals it under the ring's own KEK. */
  readonly passphrase: string | null;
}

export interface ExportOutcome extends Outcome {
  readonly kid: string;
  readonly alg: Algorithm;
  /** An encrypted JWK (RFC 7517 section 7): a compact JWE over the private JWK with `kid`, `alg` and `use`. */
  readonly sealed: string;
}

export interface Exporter {
  /**
   * Hands out a private key, sealed, and records that it did. The key goes on as it was: what becomes
   * of the copy is the operator's to answer for.
   *
   * @throws KeyturnError `kid_unknown`, `passphrase_invalid`, `reason_invalid`
   */
  exportKey(order: ExportOrder, command: Command & { readonly reason: string }): Promise<ExportOutcome>;
}

export function exporter(node: Node): Exporter {
  const commit = heldByAudit(node.commit, node.auditRoom);
  return {
    async exportKey({ kid, passphrase }, command) {
      const found: { key: RingKey | null; sealed: string } = { key: null, sealed: "" };
      const { snapshot, event } = await commit(
        onRing(async (base) => {
          const key = keyWanted(base, kid);
          found.key = key;
          found.sealed = await sealedFor(base, key, passphrase);
          const details = { under: passphrase === null ? "kek" : "passphrase" };
          return { ring: base.ring, event: { event: "export", oldKid: key.kid, newKid: null, details } };
        }),
        causeOf(command, "required"),
      );
      // After an answer that was lost, the decision that counted may have been an earlier one; the key is the same.
      const { kid: exported, alg } = found.key as RingKey;
      return { ...describe(snapshot, event !== null), kid: exported, alg, sealed: found.sealed };
    },
  };
}

function keyWanted({ ring }: Snapshot, kid: string | undefined): RingKey {
  const key = kid === undefined ? emitterOf(ring) : keyOf(ring, kid);
  if (key !== undefined) return key;
  throw new KeyturnError("kid_unknown", "The ring has no live key of this kid.", {
    fix: "`keyturn status` lists the kids. The private half of a revoked key is destroyed.",
  });
}

async function sealedFor({ ring, kek }: Snapshot, key: RingKey, passphrase: string | null): Promise<string> {
  const entry = { ring: ring.id, kid: key.kid };
  const bare = await openJwk(key.sealedJwk, entry, kek);
  const named = { ...bare, kid: key.kid, alg: key.alg, use: "sig" };
  return passphrase === null ? sealJwk(named, entry, kek) : sealUnderPassphrase(named, passphrase);
}
