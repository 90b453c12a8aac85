/**
 * Section 5 of the design, invariants 1 to 5, checked from outside: caches, signers and tokens as
 * plain arithmetic over the rings that were committed. Nothing here asks hold.ts or plan.ts.
 */

import { publicJwks } from "../../src/ring/jwks.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyRing, RingKey } from "../../src/ring/ring.ts";

export interface Witnessed {
  /** Checks the ring as it stands at `now`, and the step from the one seen before. */
  see(ring: KeyRing, now: number): void;
  /** Excuses the kid: its operator wants it distrusted at once. */
  excuse(kid: string): void;
}

/** A ring that was in force until another replaced it. */
interface Past {
  readonly ring: KeyRing;
  readonly until: number;
}

export function witnessOf(genesis: KeyRing): Witnessed {
  const pasts: Past[] = [];
  const excused = new Set<string>();
  const buried = new Set<string>();
  /** Of those, the ones that an operator revoked. */
  const lasting = new Set<string>();
  /** When the last honest token of a key has expired for everyone. */
  const tokensUntil = new Map<string, number>();
  let present = genesis;

  function succeeded(next: KeyRing): void {
    must(next.id === present.id, "the ring keeps its id");
    must(next.generation === present.generation + 1, "the generation grows by one");
    const until = next.committedAt;
    const signer = soleEmitter(present).kid;
    tokensUntil.set(signer, Math.max(tokensUntil.get(signer) ?? 0, until + lastTokenAfter(present.policy)));
    pasts.push({ ring: present, until });
    const before = present;
    present = next;

    const emitter = soleEmitter(next);
    if (emitter.kid !== soleEmitter(before).kid) assertKnownEverywhere(emitter, next);
    for (const { kid } of before.keys.filter(({ kid }) => !next.keys.some((key) => key.kid === kid))) {
      const alive = (tokensUntil.get(kid) ?? 0) > until;
      must(!alive || excused.has(kid), `${kid} leaves with no honest token alive`);
      buried.add(kid);
    }
  }

  /** Invariant 2: every copy of a JWKS without the key is gone, unless the audit log says that this was an emergency. */
  function assertKnownEverywhere(key: RingKey, ring: KeyRing): void {
    const record = ring.auditTail.at(-1);
    must(key.rolledBackAt === null, `${key.kid} was not rolled back before`);
    if (record?.earlyEmit === true) {
      const audited = record.event === "revoke" && record.newKid === key.kid && key.earlyEmit;
      must(audited, `${key.kid} emits early by an audited revoke`);
      return;
    }
    const emittedAt = key.emittedAt ?? 0;
    let lag = lagOf(ring.policy);
    for (const past of pasts.toReversed()) {
      // A policy that lowers refresh or skew is taken to describe the fleet as it is.
      lag = Math.min(lag, lagOf(past.ring.policy));
      if (!lacks(past, key.kid, lag)) continue;
      const lastCopyAt = past.until + lastCopyAfter(past.ring.policy);
      must(lastCopyAt <= emittedAt, `${key.kid} emits when every verifier can know it`);
    }
  }

  return {
    excuse: (kid) => void excused.add(kid),
    see(ring, now) {
      if (ring !== present) succeeded(ring);
      for (const at of [now, now + 1, now + 100_000_000]) {
        const shown = publicJwks(ring, at).keys.map(({ kid }) => kid);
        must(shown.includes(soleEmitter(ring).kid), "the emitter is published");
        must(!shown.some((kid) => buried.has(kid)), "no revoked key is published");
      }
      for (const { kid } of ring.keys) {
        const until = tokensUntil.get(kid) ?? 0;
        const shown = until <= now || publicJwks(ring, until - 1).keys.some((key) => key.kid === kid);
        must(shown, `${kid} stays until its last honest token has expired`);
      }
      const entombed = ring.tombstones.map(({ kid }) => kid);
      must(new Set(entombed).size === entombed.length, "a kid is revoked once");
      for (const { kid, revokedBecause } of ring.tombstones) {
        if (!["retired", "superseded"].includes(revokedBecause)) lasting.add(kid);
      }
      must(
        [...lasting].every((kid) => entombed.includes(kid)),
        "an operator's tombstone stays for ever",
      );
      must(
        [...buried].slice(-32).every((kid) => entombed.includes(kid)),
        "the newest tombstones stay",
      );
    },
  };
}

/** Invariant 1. */
function soleEmitter(ring: KeyRing): RingKey {
  const emitters = ring.keys.filter((key) => key.emittedAt !== null && key.retiredAt === null);
  must(emitters.length === 1, "exactly one key emits");
  return emitters[0] as RingKey;
}

/** An `expect` for millions of questions. */
function must(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`Broken: ${promise}.`);
}

/** A signer's snapshot may be a lease old, its token lives long, and three clocks differ. */
function lastTokenAfter(policy: RotationPolicy): number {
  return policy.leaseSeconds + policy.tokenSeconds + policy.leewaySeconds + 2 * policy.skewSeconds;
}

/** A node lags by a refresh, an edge keeps what it got, a verifier keeps what the edge gave it. */
function lastCopyAfter(policy: RotationPolicy): number {
  const { refreshSeconds, fetchSeconds, skewSeconds, jwksCacheSeconds } = policy;
  const maxAge = jwksCacheSeconds - (refreshSeconds + 2 * fetchSeconds + skewSeconds);
  return refreshSeconds + fetchSeconds + maxAge + fetchSeconds + jwksCacheSeconds + skewSeconds;
}

/** How far behind a node's view of the ring and its clock may be, together. */
function lagOf({ refreshSeconds, skewSeconds }: RotationPolicy): number {
  return refreshSeconds + skewSeconds;
}

/** Whether some node may have served the past ring without the key, or was not seen to serve it. */
function lacks({ ring, until }: Past, kid: string, lag: number): boolean {
  const key = ring.keys.find((one) => one.kid === kid);
  if (key?.publishedAt == null) return true;
  return key.acceptUntil !== null && key.acceptUntil <= until + lag;
}
