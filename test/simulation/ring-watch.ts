/**
 * Every commit, seen at the instant at which the store took it, against the promises of the design
 * (section 5) and of the reliability plan (I2, I3, I6, I9, I13). Instants are the world's own: what
 * nodes wrote into the ring is compared with when it truly happened.
 */
import type { AuditRecord } from "../../src/ring/audit.ts";
import type { KeyRing, RingKey } from "../../src/ring/ring.ts";
import { type Ledger, pathSeconds, worldTime } from "./ledger.ts";

const ROUTINE = ["retired", "superseded"];

export class RingWatch {
  ring: KeyRing | null = null;
  /** How often each reason occurs in the audit records of all commits. */
  readonly reasons = new Map<string, number>();
  /** By when every copy of a JWKS that was made of an earlier ring is gone. */
  private copiesUntil = 0;
  private readonly buried = new Set<string>();
  private readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  see(ring: KeyRing, by: string): void {
    const { ledger } = this;
    const before = this.ring;
    const record = ring.auditTail.at(-1) as AuditRecord;
    this.ring = ring;
    ledger.policy = ring.policy;
    ledger.commits++;
    ledger.story.tell(by, () => this.told(ring, record));
    if (record.reason !== null) this.reasons.set(record.reason, (this.reasons.get(record.reason) ?? 0) + 1);

    if (before !== null)
      this.copiesUntil = Math.max(this.copiesUntil, ledger.agenda.now + pathSeconds(before.policy));
    this.assertSuccession(before, ring, record);
    this.assertKeys(before, ring, record);
    if (before !== null) this.assertLeavers(before, ring, record);
  }

  private assertSuccession(before: KeyRing | null, ring: KeyRing, record: AuditRecord): void {
    this.must("I6", ring.generation === (before?.generation ?? 0) + 1, "the generation grows by one");
    this.must("I6", before === null || before.id === ring.id, "the ring keeps its id");
    this.must("I13", record.generation === ring.generation, "each commit has its one audit record");
    const previous = before?.auditTail.at(-1)?.hash;
    this.must("I13", previous === undefined || record.previous === previous, "the audit chain is whole");
    const steps = phaseChanges(before, ring);
    const changes = before === null || steps > 0 || differs(before, ring);
    this.must("9", changes, "a commit changes something");
    this.must("I10", steps <= MOVES[record.event], `one step at a time, ${record.event} moved ${steps} keys`);
  }

  private assertKeys(before: KeyRing | null, ring: KeyRing, record: AuditRecord): void {
    const { ledger } = this;
    const now = ledger.agenda.now;
    const emitters = ring.keys.filter(({ emittedAt, retiredAt }) => emittedAt !== null && retiredAt === null);
    this.must("I3", emitters.length === 1, "exactly one key emits");
    const kids = [...ring.keys, ...ring.tombstones].map(({ kid }) => kid);
    this.must("I22", new Set(kids).size === kids.length, "no kid twice");
    for (const key of ring.keys) {
      this.must("I9", !this.buried.has(key.kid), `${this.name(key)} was revoked and is back`);
      this.must("I9", this.movesOnward(before, key), `${this.name(key)} goes through its phases in order`);
      const facts = ledger.factsOf(key.kid);
      if (facts.publishedAt === null && key.publishedAt !== null) {
        facts.publishedAt = now;
        facts.knownEverywhereAt = before === null ? now : this.copiesUntil;
      }
      if (key.earlyEmit) facts.isEarly = true;
    }
    const emitter = emitters[0];
    if (emitter !== undefined && before !== null) this.assertEmitter(before, emitter, record);
  }

  /** I2: a key that begins to emit is known to everyone, unless the audit log says that this was an emergency. */
  private assertEmitter(before: KeyRing, emitter: RingKey, record: AuditRecord): void {
    const { ledger } = this;
    const earlier = before.keys.find(({ emittedAt, retiredAt }) => emittedAt !== null && retiredAt === null);
    if (earlier?.kid === emitter.kid) return;
    ledger.turnovers++;
    this.must("I9", emitter.rolledBackAt === null, `${this.name(emitter)} was rolled back before`);
    const facts = ledger.factsOf(emitter.kid);
    if (record.earlyEmit === true) {
      const isAudited = record.event === "revoke" && record.newKid === emitter.kid && emitter.earlyEmit;
      this.must("I2", isAudited, "an early emit is an audited revoke");
      return;
    }
    if (emitter.reinstatedAt !== null && emitter.reinstatedAt === emitter.emittedAt) {
      facts.isEarly ||= this.arrivesTooLate(before, emitter);
      return;
    }
    const margin = ledger.agenda.now - facts.knownEverywhereAt;
    ledger.margins.publication = Math.min(ledger.margins.publication, margin);
    this.must("I2", margin >= 0, `${this.name(emitter)} emits ${(-margin).toFixed(3)} s too early`);
  }

  /**
   * A rollback whose commit was decided in time, and held up on its way until nodes had dropped the key.
   * No store can refuse it, so it is no promise of ours.
   */
  private arrivesTooLate({ keys }: KeyRing, { kid, emittedAt }: RingKey): boolean {
    const { policy, agenda } = this.ledger;
    const margin = policy.skewSeconds + policy.refreshSeconds;
    const droppedAt = worldTime(keys.find((key) => key.kid === kid)?.acceptUntil ?? Infinity) - margin;
    const isLate = agenda.now - worldTime(emittedAt ?? 0) > margin;
    return isLate && agenda.now > droppedAt;
  }

  /** I3 of the design: no key leaves while an honest token of it can be alive, except by an operator. */
  private assertLeavers(before: KeyRing, ring: KeyRing, record: AuditRecord): void {
    const { ledger } = this;
    const now = ledger.agenda.now;
    for (const key of before.keys) {
      if (ring.keys.some(({ kid }) => kid === key.kid)) continue;
      const tombstone = ring.tombstones.find(({ kid }) => kid === key.kid);
      this.must("I9", tombstone !== undefined, `${this.name(key)} leaves a tombstone`);
      this.must(
        "I9",
        record.event === "revoke" && record.oldKid === key.kid,
        "only a revoke takes a key out",
      );
      this.buried.add(key.kid);
      const facts = ledger.factsOf(key.kid);
      if (tombstone !== undefined && !ROUTINE.includes(tombstone.revokedBecause)) {
        facts.compromisedAt = now;
        facts.revokedEverywhereAt = this.copiesUntil;
        continue;
      }
      const needed = ledger.neededUntil(key.kid);
      if (ledger.isExcused(key.kid) || needed === Number.NEGATIVE_INFINITY) continue;
      ledger.margins.retirement = Math.min(ledger.margins.retirement, now - needed);
      this.must("3", now >= needed, `${this.name(key)} leaves while a token of it is alive`);
    }
    for (const { kid, revokedBecause } of before.tombstones) {
      if (ROUTINE.includes(revokedBecause)) continue;
      const stays = ring.tombstones.some((tombstone) => tombstone.kid === kid);
      this.must("I9", stays, "an operator's tombstone stays for ever");
    }
  }

  private movesOnward(before: KeyRing | null, key: RingKey): boolean {
    const earlier = before?.keys.find(({ kid }) => kid === key.kid);
    if (earlier === undefined) return true;
    const [from, to] = [phaseOf(earlier), phaseOf(key)];
    return to === from || to === from + 1 || (from === 2 && to === 1 && earlier.rolledBackAt === null);
  }

  private told(ring: KeyRing, { event, oldKid, newKid, earlyEmit, reason }: AuditRecord): string {
    const kids = [oldKid, newKid].map((kid) => (kid === null ? "-" : this.ledger.story.nameOf(kid)));
    const early = earlyEmit === true ? " EARLY" : "";
    const why = reason === null ? "" : ` (${reason})`;
    return `commit ${ring.generation}: ${event} ${kids.join(" → ")}${early}, at ${ring.committedAt % 100_000}${why}`;
  }

  private name({ kid }: RingKey): string {
    return this.ledger.story.nameOf(kid);
  }

  private must(invariant: string, holds: boolean, what: string): void {
    if (!holds) this.ledger.violate(invariant, what);
  }
}

/** How many keys change their phase with each kind of commit, at most. */
const MOVES: Readonly<Record<AuditRecord["event"], number>> = {
  init: 2,
  accept: 1,
  confirm: 0,
  emit: 2,
  // The emitter goes and another emits in its place, which may be new; one that came and emits counts once.
  revoke: 2,
  rollback: 2,
  rotate_requested: 0,
  pause: 0,
  resume: 0,
  policy_changed: 0,
  rewrap: 0,
  export: 0,
};

function phaseOf({ emittedAt, retiredAt }: RingKey): number {
  if (retiredAt !== null) return 2;
  return emittedAt !== null ? 1 : 0;
}

function phaseChanges(before: KeyRing | null, ring: KeyRing): number {
  const earlier = new Map((before?.keys ?? []).map((key) => [key.kid, phaseOf(key)]));
  const changed = ring.keys.filter((key) => earlier.get(key.kid) !== phaseOf(key)).length;
  const kids = new Set(ring.keys.map(({ kid }) => kid));
  return changed + [...earlier.keys()].filter((kid) => !kids.has(kid)).length;
}

/** Whether anything but the bookkeeping of the commit itself is other than before. */
function differs(before: KeyRing, ring: KeyRing): boolean {
  const content = ({ generation: _, committedAt: __, auditTail: ___, ...rest }: KeyRing) => rest;
  return JSON.stringify(content(before)) !== JSON.stringify(content(ring));
}
