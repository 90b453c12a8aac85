/** A chain of audit records as a ring would leave it. */
import { type AuditRecord, chained, genesisHash } from "../../../src/ring/audit.ts";

export async function chainOf(
  length: number,
  ring = "ring-of-these-tests",
  reason: string | null = null,
): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (let generation = 1; generation <= length; generation++) {
    const previous = records.at(-1)?.hash ?? (await genesisHash(ring));
    const event = generation === 1 ? "init" : generation % 2 === 0 ? "pause" : "resume";
    const facts = {
      ring,
      generation,
      at: 1_800_000_000 + generation,
      event,
      oldKid: null,
      newKid: null,
    } as const;
    records.push(await chained({ ...facts, trigger: "manual", actor: "cli:root", reason, previous }));
  }
  return records;
}
