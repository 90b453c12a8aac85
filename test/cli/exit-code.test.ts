import { chmod, readdir, readFile, rename, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { type ErrorCode, KeyturnError } from "../../src/errors.ts";
import { EXAMPLE_KEK, generateKek } from "../../src/keys/kek.ts";
import { newPlace, put } from "../node/place.ts";
import { keyturn, refused } from "./keyturn.ts";
import { turnedOver } from "./turned-over.ts";

let place: string;
let ring: string;
let document: string;
let newest: string;

beforeEach(async () => {
  place = await newPlace();
  await turnedOver(place);
  ring = join(place, ".keyturn", "ring");
  newest = join(ring, (await readdir(ring)).sort().at(-1) as string);
  document = await readFile(newest, "utf8");
});

const refusal = (status: number, code: ErrorCode, args: readonly string[] = ["status"], env = {}) =>
  refused(place, args, { status, code }, { env });

describe("status 1, refused:", () => {
  it("no ring, which is not made by looking for it", async () => {
    const elsewhere = await newPlace();
    for (const args of [["status"], ["serve"]]) {
      const said = await refused(elsewhere, args, { status: 1, code: "ring_missing" });
      expect(said).toContain("`keyturn init`");
    }
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it("a kid that never was", async () => {
    await refusal(1, "kid_unknown", ["revoke", "wxyz", "--reason", "leaked", "--yes"]);
  });
});

describe("status 2, usage or configuration:", () => {
  it("a configuration file that is not there, or makes no sense", async () => {
    await refusal(2, "config_not_found", ["status", "--config", "nowhere.yaml"]);
    await put(join(place, "keyturn.yaml"), "folder: [");
    expect(await refusal(2, "config_parse")).toContain("keyturn.yaml is not valid YAML or JSON at line 1");
  });

  it("an API token that could be guessed", async () => {
    await put(join(place, ".keyturn", "api-token"), "changeme");
    const said = await refusal(2, "api_token_invalid", [
      "serve",
      "--listen",
      "127.0.0.1:0",
      "--log-level",
      "error",
    ]);
    expect(said).not.toContain("changeme");
  });
});

describe("status 3, the ring is not what keyturn wrote:", () => {
  const damages: readonly [string, ErrorCode, () => Promise<unknown>][] = [
    ["it was cut short", "ring_corrupt", () => truncate(newest, document.length - 100)],
    ["it is empty", "ring_corrupt", () => truncate(newest, 0)],
    ["it is something else", "ring_corrupt", () => put(newest, "{}")],
    [
      "it was edited",
      "ring_tampered",
      () => put(newest, document.replace('"tokenSeconds": 900', '"tokenSeconds": 901')),
    ],
    [
      "a newer keyturn wrote it",
      "ring_schema_unknown",
      () => put(newest, document.replace('"schema": 1', '"schema": 2')),
    ],
    ["its newest generations are gone", "ring_rolled_back", () => rm(newest)],
  ];
  for (const [what, code, damage] of damages) {
    it(`${what}, and it stays as it is`, async () => {
      await damage();
      const before = await readdir(ring);
      await refusal(3, code);
      expect(await readdir(ring)).toEqual(before);
    });
  }

  it("and a server that may make what is missing does not make another", async () => {
    await truncate(newest, document.length - 100);
    const before = await readdir(ring);
    const { status, stdout, stderr } = await keyturn(place, ["serve", "--init", "--listen", "127.0.0.1:0"]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(stderr).toContain("[ring_corrupt]");
    expect(await readdir(ring)).toEqual(before);
  });
});

describe("status 4, the KEK:", () => {
  const kek = () => join(place, ".keyturn", "kek");

  it("is missing, and no other is made in its place", async () => {
    await rename(kek(), `${kek()}.away`);
    await refusal(4, "kek_missing", ["init"]);
    expect(await readdir(join(place, ".keyturn"))).not.toContain("kek");
  });

  it("is another one, in its file or in the environment, which wins", async () => {
    const other = generateKek();
    const said = await refusal(4, "kek_mismatch", ["status"], { KEYTURN_KEK: other });
    expect(said).toMatch(/with id [\w-]+; given: [\w-]+\./);
    expect(said).not.toContain(other);
    await put(kek(), other);
    await refusal(4, "kek_mismatch");
  });

  it("is the published example", async () => {
    const said = await refusal(4, "kek_invalid", ["status"], { KEYTURN_KEK: EXAMPLE_KEK });
    expect(said).toContain("published example");
    expect(said).not.toContain(EXAMPLE_KEK);
  });
});

describe("status 5, the store:", () => {
  it("has a file where its folder should be", async () => {
    await rename(ring, `${ring}.away`);
    await put(ring, "not a folder");
    await refusal(5, "store_unavailable", ["init"]);
  });

  it("is open to others: ring, KEK or audit log", async () => {
    for (const [path, args] of [
      [newest, undefined],
      [join(place, ".keyturn", "kek"), undefined],
      [join(place, ".keyturn", "audit.jsonl"), ["audit", "show"]],
    ] as const) {
      await chmod(path, 0o644);
      expect(await refusal(5, "store_permission", args)).toContain(`chmod 0600 `);
      await chmod(path, 0o600);
    }
  });
});

describe("the exit code", () => {
  const codes: readonly [ErrorCode, number][] = [
    ["conflict", 1],
    ["rollback_impossible", 1],
    ["token_invalid", 1],
    ["audit_broken", 1],
    ["internal", 1],
    ["usage", 2],
    ["policy_invalid", 2],
    ["reason_invalid", 2],
    ["ring_invalid", 3],
    ["kek_mismatch", 4],
    ["store_full", 5],
    ["ring_stale", 5],
    ["jwks_unavailable", 5],
    ["commit_unknown", 6],
  ];
  it("is the stable one of its kind, and 1 for what is nobody's kind", () => {
    for (const [code, status] of codes) {
      expect(exitCodeOf(new KeyturnError(code, "What.", { fix: "Fix." })), code).toBe(status);
    }
    expect(exitCodeOf(new TypeError("a bug"))).toBe(1);
    expect(exitCodeOf(undefined)).toBe(1);
  });
});
