/** Processes that die while they commit, before and after every call that a commit makes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { onAws } from "./bench.ts";
import { aftermath } from "./outcomes.ts";

const bench = onAws();
const SCRIPT = fileURLToPath(new URL("committing.ts", import.meta.url));

/** The first look belongs to the load that comes before. */
const CALLS = [
  { operation: "DescribeSecret", after: 1, before: "old", afterwards: "old" },
  { operation: "PutSecretValue", after: 0, before: "old", afterwards: "old" },
  { operation: "UpdateSecretVersionStage", after: 0, before: "old", afterwards: "new" },
];

function committing(document: string): ChildProcess {
  const { endpoint, region } = bench.aws;
  const credentials = bench.aws.principal("node");
  const options = JSON.stringify({ endpoint, region, credentials, secretId: bench.secretId });
  return spawn(process.execPath, [SCRIPT, options, document], { stdio: "inherit" });
}

describe("a process that is killed", () => {
  for (const { operation, after, ...leaves } of CALLS) {
    for (const when of ["before", "afterwards"] as const) {
      it(`${when === "afterwards" ? "after" : "before"} its ${operation} leaves the ${leaves[when]} ring, and the next one goes on`, async () => {
        await bench.open().replace("the ring", null);
        const base = await bench.open().load();
        let child: ChildProcess | null = null;
        const crash = () => void child?.kill("SIGKILL");
        bench.aws.fault(operation, { crash, before: when === "before" }, { after });
        child = committing("ours");
        const [, signal] = await once(child, "exit");
        expect(signal).toBe("SIGKILL");

        const found = await bench.open().load();
        expect(found?.document).toBe(leaves[when] === "old" ? "the ring" : "ours");
        expect(await aftermath(bench, "commit_unknown", { base, next: "ours" })).toEqual([]);
      });
    }
  }

  it("while it creates the secret leaves a whole ring or none", async () => {
    for (const before of [true, false]) {
      bench.forget();
      let child: ChildProcess | null = null;
      bench.aws.fault("CreateSecret", { crash: () => void child?.kill("SIGKILL"), before });
      child = committing("ours");
      const [, signal] = await once(child, "exit");
      expect(signal).toBe("SIGKILL");
      expect((await bench.open().load())?.document ?? null).toBe(before ? null : "ours");
    }
    expect(await aftermath(bench, "commit_unknown", { base: null, next: "ours" })).toEqual([]);
  });

  it("with its commit half done is helped by who comes next, who then commits on it", async () => {
    await bench.open().replace("the ring", null);
    const base = await bench.open().load();
    let child: ChildProcess | null = null;
    bench.aws.fault("PutSecretValue", { crash: () => void child?.kill("SIGKILL") });
    child = committing("ours");
    await once(child, "exit");

    const next = bench.open();
    await expect(next.replace("theirs", base?.revision ?? null)).rejects.toMatchObject({ code: "conflict" });
    const helped = await next.load();
    expect(helped?.document).toBe("ours");
    await next.replace("theirs", helped?.revision ?? null);
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(3);
  });
});
