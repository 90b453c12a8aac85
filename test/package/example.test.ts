import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { EXAMPLE_KEK, parseKek } from "../../src/keys/kek.ts";
import { openJwk } from "../../src/keys/seal.ts";
import { openRing } from "../../src/keys/sealed-ring.ts";
import { verifyChain } from "../../src/ring/audit.ts";
import { phaseOf } from "../../src/ring/phase.ts";

const document = readFileSync("keys.example.json", "utf8");

it("opens with its documented KEK and shows every phase of a key", async () => {
  const { ring, kek } = await openRing(document, [await parseKek(EXAMPLE_KEK, { allowExample: true })]);

  expect(ring.keys.map(phaseOf)).toEqual(["retiring", "emitting", "accepted"]);
  expect(ring.tombstones).toHaveLength(1);
  await verifyChain(ring.auditTail);
  for (const { kid, sealedJwk } of ring.keys) {
    const privateJwk = await openJwk(sealedJwk, { ring: ring.id, kid }, kek);
    expect(privateJwk.d).toBeTypeOf("string");
  }
});

it("says in README.md under which KEK it is sealed", () => {
  expect(readFileSync("README.md", "utf8")).toContain(EXAMPLE_KEK);
});

it("cannot be used: a node given its KEK refuses to start and leaves the ring as it is", () => {
  const folder = mkdtempSync(join(tmpdir(), "keyturn-example-"));
  try {
    const ringFile = join(folder, "ring", "ring.0000000006.json");
    mkdirSync(join(folder, "ring"), { mode: 0o700 });
    copyFileSync("keys.example.json", ringFile);
    writeFileSync(join(folder, "kek"), EXAMPLE_KEK, { mode: 0o600 });
    spawnSync("chmod", ["0600", ringFile]);

    const args = [
      resolve("dist/cli/main.js"),
      "serve",
      "--init",
      "--folder",
      folder,
      "--listen",
      "127.0.0.1:0",
    ];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: folder });

    expect(stderr).toContain("[kek_invalid]");
    expect(stderr).toContain("example");
    expect(status).toBe(4);
    expect(readFileSync(ringFile, "utf8")).toBe(document);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
