import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type AuditRecord, chained, genesisHash, tailOf, verifyChain } from "../../src/ring/audit.ts";
import { kidOf, NOW } from "./sample-ring.ts";

type Draft = Omit<AuditRecord, "hash">;

/** The records of a ring's first `count` commits. */
async function chainOf(ring: string, count: number): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (let generation = 1; generation <= count; generation++) {
    records.push(
      await chained({
        ring,
        generation,
        at: NOW + generation * 60,
        event: generation === 1 ? "init" : "emit",
        oldKid: generation === 1 ? null : kidOf(generation - 1),
        newKid: kidOf(generation),
        ...(generation % 5 === 0 ? { earlyEmit: true as const } : {}),
        trigger: generation % 2 === 0 ? "automatic" : "manual",
        actor: "schedule",
        reason: generation % 3 === 0 ? "Verdacht auf „Diebstahl“ \u{1f511}" : null,
        previous: records.at(-1)?.hash ?? (await genesisHash(ring)),
      }),
    );
  }
  return records;
}

/** Changes a record and makes its hash fit again, as whoever writes the log can. */
async function rehashed(
  { hash: _hash, ...draft }: AuditRecord,
  change: Partial<Draft>,
): Promise<AuditRecord> {
  return chained({ ...draft, ...change });
}

function broken(generation: number): RegExp {
  return new RegExp(`^The audit record of generation ${generation} `);
}

let chain: AuditRecord[];
let foreign: AuditRecord[];

beforeAll(async () => {
  chain = await chainOf("ring-a", 12);
  foreign = await chainOf("ring-b", 12);
});

/** The chain with `count` records at index `at` replaced by `records`. */
function spliced(at: number, count: number, ...records: AuditRecord[]): AuditRecord[] {
  return chain.toSpliced(at, count, ...records);
}

describe("an audit chain", () => {
  it("holds as it was written, whole or from any record on", async () => {
    for (let from = 0; from <= chain.length; from++) await verifyChain(chain.slice(from));
  });

  it("holds whatever the order of a record's members", async () => {
    await verifyChain(chain.map((record) => Object.fromEntries(Object.entries(record).reverse()) as never));
  });

  it("has a hash per record that anyone can recompute: SHA-256 over the canonical JSON", async () => {
    const { hash, ...draft } = chain[0] as AuditRecord;
    const canonical = JSON.stringify(draft, Object.keys(draft).sort());
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical));
    expect(Buffer.from(digest).toString("base64url")).toBe(hash);
  });
});

describe("the records kept inside the ring", () => {
  it("are the newest 32, oldest first", async () => {
    const records = await chainOf("ring-a", 40);
    expect(tailOf(records)).toEqual(records.slice(8));
    expect(tailOf(records.slice(0, 5))).toEqual(records.slice(0, 5));
  });

  it("are fewer when reasons are long, in whatever script, and one in any case", async () => {
    const records = await chainOf("ring-a", 40);
    const wordy = (reason: string) => records.map((record) => ({ ...record, reason }));
    const long = wordy("\u{1f511}".repeat(250));
    const kept = tailOf(long);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThanOrEqual(16_384);
    expect(kept.length).toBeGreaterThan(5);
    expect(kept).toEqual(long.slice(-kept.length));
    expect(tailOf(wordy("x".repeat(20_000)))).toHaveLength(1);
  });

  it("may take 16 KiB to the byte", async () => {
    const [first, second] = (await chainOf("ring-a", 2)) as [AuditRecord, AuditRecord];
    const spare = 16_384 - Buffer.byteLength(JSON.stringify([first, { ...second, reason: "" }]));
    const ending = (length: number) => [first, { ...second, reason: "x".repeat(length) }];
    expect(tailOf(ending(spare))).toHaveLength(2);
    expect(tailOf(ending(spare + 1))).toHaveLength(1);
  });
});

describe("a chain that was tampered with is found out, by the first generation that does not hold:", () => {
  it("an edit of any member of any record", async () => {
    for (const [i, record] of chain.entries()) {
      const edits: Partial<AuditRecord>[] = [
        { ring: "ring-b" },
        { generation: record.generation + 1 },
        { at: record.at + 1 },
        { event: "rollback" },
        { oldKid: kidOf(77) },
        { newKid: null },
        { trigger: record.trigger === "manual" ? "automatic" : "manual" },
        { actor: "someone" },
        { reason: "another" },
        { previous: record.hash },
        { hash: record.previous },
      ];
      for (const edit of edits) {
        const named = edit.generation ?? record.generation;
        await expect(verifyChain(spliced(i, 1, { ...record, ...edit }))).rejects.toThrow(broken(named));
      }
    }
  });

  it("an early emit that was hidden", async () => {
    const { earlyEmit, ...hidden } = chain[4] as AuditRecord;
    expect(earlyEmit).toBe(true);
    await expect(verifyChain(spliced(4, 1, hidden))).rejects.toThrow(broken(5));
  });

  it("an edit whose hash was made to fit, by the record after it", async () => {
    const edited = await rehashed(chain[5] as AuditRecord, { reason: "another" });
    await expect(verifyChain(spliced(5, 1, edited))).rejects.toThrow(broken(7));
  });

  it("a deletion in the middle", async () => {
    await expect(verifyChain(spliced(5, 1))).rejects.toThrow(broken(7));
    await expect(verifyChain(spliced(5, 3))).rejects.toThrow(broken(9));
  });

  it("a deletion that was closed by renumbering, by the first record renumbered", async () => {
    const moved = await Promise.all(
      chain.slice(6).map((record) => rehashed(record, { generation: record.generation - 1 })),
    );
    await expect(verifyChain([...chain.slice(0, 5), ...moved])).rejects.toThrow(broken(6));
  });

  it("an insertion", async () => {
    const between = await rehashed(chain[5] as AuditRecord, {
      event: "pause",
      previous: chain[5]?.hash ?? "",
    });
    await expect(verifyChain(spliced(6, 0, between))).rejects.toThrow(broken(6));
    const numbered = await rehashed(between, { generation: 7 });
    await expect(verifyChain(spliced(6, 0, numbered))).rejects.toThrow(broken(7));
  });

  it("a swap of two neighbours", async () => {
    const [fifth, sixth] = chain.slice(4, 6) as [AuditRecord, AuditRecord];
    await expect(verifyChain(spliced(4, 2, sixth, fifth))).rejects.toThrow(broken(6));
  });

  it("a record that is there twice", async () => {
    await expect(verifyChain(spliced(5, 0, chain[5] as AuditRecord))).rejects.toThrow(broken(6));
  });

  it("a record of another ring in its place", async () => {
    await expect(verifyChain(spliced(5, 1, foreign[5] as AuditRecord))).rejects.toThrow(broken(6));
  });

  it("a record of another ring made to name the one before it", async () => {
    const grafted = await rehashed(foreign[5] as AuditRecord, { previous: chain[4]?.hash ?? "" });
    await expect(verifyChain([...chain.slice(0, 5), grafted])).rejects.toThrow(broken(6));
  });

  it("a beginning that belongs to another ring", async () => {
    const first = await rehashed(chain[0] as AuditRecord, { previous: foreign[0]?.previous ?? "" });
    await expect(verifyChain([first])).rejects.toThrow(broken(1));
  });

  it("with what is wrong about that record", async () => {
    const [first, second] = chain as [AuditRecord, AuditRecord];
    const foreignStart = await rehashed(first, { previous: foreign[0]?.previous ?? "" });
    const unchained = await rehashed(second, { previous: second.hash });
    for (const [records, why] of [
      [[{ ...first, actor: "someone" }], "was changed: its hash"],
      [[foreignStart], "does not begin the chain of its ring"],
      [spliced(1, 1), "follows generation 1: records are missing"],
      [[first, unchained], "does not name the record before it"],
    ] as const) {
      await expect(verifyChain(records)).rejects.toThrow(why);
    }
  });

  it("with a stable code and what to do about it", async () => {
    await expect(verifyChain(spliced(5, 1))).rejects.toMatchObject({
      code: "audit_broken",
      fix: expect.stringContaining("another copy"),
    });
  });
});

describe("an anchor kept elsewhere", () => {
  it("finds a chain that was cut off, which by itself holds", async () => {
    const head = chain.at(-1)?.hash ?? "";
    for (const kept of [11, 6, 1, 0]) {
      await verifyChain(chain.slice(0, kept));
      await expect(verifyChain(chain.slice(0, kept), head)).rejects.toMatchObject({
        code: "audit_broken",
        fix: expect.stringContaining("another copy"),
      });
    }
  });

  it("finds a chain that was rewritten as a whole", async () => {
    const rewritten = await chainOf("ring-a", 11);
    const last = await rehashed(chain[11] as AuditRecord, { reason: "nothing happened" });
    await verifyChain([...rewritten, last]);
    await expect(verifyChain([...rewritten, last], chain[11]?.hash)).rejects.toThrow(
      "No record has the hash",
    );
  });

  it("may be any record of the run, not only its last", async () => {
    for (const { hash } of chain) await verifyChain(chain, hash);
  });
});

describe("any tampering at random", () => {
  it("is found, but for cutting off an end", async () => {
    const index = fc.integer({ min: 0, max: 11 });
    const tampering = fc.constantFrom("edit", "delete", "insert", "swap", "duplicate", "graft");
    const member = fc.constantFrom<keyof AuditRecord>("at", "actor", "reason", "newKid", "previous", "hash");
    const tries = fc.asyncProperty(tampering, index, index, member, async (what, i, j, name) => {
      const [one, other] = [chain[i] as AuditRecord, chain[j] as AuditRecord];
      const result = {
        edit: () => spliced(i, 1, { ...one, [name]: `${one[name]}x` }),
        delete: () => spliced(i, 1),
        insert: () => spliced(i, 0, foreign[j] as AuditRecord),
        swap: () => spliced(i, 1, other).toSpliced(j, 1, one),
        duplicate: () => spliced(i, 0, other),
        graft: () => spliced(i, 1, foreign[i] as AuditRecord),
      }[what]();
      const harmless = (what === "swap" && i === j) || (what === "delete" && (i === 0 || i === 11));
      fc.pre(!harmless);
      await expect(verifyChain(result)).rejects.toMatchObject({ code: "audit_broken" });
    });
    await fc.assert(tries, { numRuns: 1500 });
  });
});
