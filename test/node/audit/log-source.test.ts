import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { logSource } from "../../../src/node/audit/log-source.ts";
import { fileAuditLog } from "../../../src/node/audit-log.ts";
import { sampleRing } from "../../ring/sample-ring.ts";

it("reads further back than the ring goes, and on from where one left off", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-log-source-"));
  try {
    const path = join(folder, "audit.jsonl");
    const [first] = sampleRing().ring.auditTail;
    const records = Array.from(
      { length: 100 },
      (_, i) => ({ ...first, generation: i + 1 }) as NonNullable<typeof first>,
    );
    await fileAuditLog(path).append(records);
    const generations = async (after: number, limit: number) =>
      (await logSource(path).read(after, limit)).map(({ generation }) => generation);
    expect(await generations(0, 3)).toEqual([1, 2, 3]);
    expect(await generations(98, 100)).toEqual([99, 100]);
    expect(await generations(100, 100)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
