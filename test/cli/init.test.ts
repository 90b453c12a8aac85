import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, readdir, readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { newPlace, put } from "../node/place.ts";
import { json, keyturn, MAIN, refused, result } from "./keyturn.ts";

/** Every file below, with its content. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (path) => [path, await readFile(path, "utf8")])),
  );
}

interface Made {
  readonly ring: string;
  readonly generation: number;
  readonly emitter: string;
  readonly folder: string;
  readonly made: readonly string[];
}

describe("init", () => {
  it("makes all that a node needs, says what, and what comes next", async () => {
    const place = await newPlace();
    const said = await result(place, ["init"]);
    expect(said).toMatch(/^Ring [\w-]{22} is in \.keyturn\/ring; [\w-]{43} emits\.\n/);
    expect(said).toContain(
      "Made .keyturn/kek\nMade .keyturn/api-token\nMade keyturn.yaml\nNext: keyturn serve\n",
    );
    expect((await readdir(join(place, ".keyturn"))).sort()).toEqual([
      "api-token",
      "api-tokens",
      "audit-notes.jsonl",
      "audit.jsonl",
      "kek",
      "ring",
    ]);
    for (const name of ["kek", "api-token", "audit.jsonl", "ring/ring.0000000001.json"]) {
      expect((await stat(join(place, ".keyturn", name))).mode & 0o777, name).toBe(0o600);
    }
    for (const secret of ["kek", "api-token"]) {
      expect(said).not.toContain((await readFile(join(place, ".keyturn", secret), "utf8")).trim());
    }
  });

  it("run again, changes nothing to the byte, and says that the ring was there", async () => {
    const place = await newPlace();
    const first = await json<Made>(place, ["init"]);
    expect(first.made).toEqual([".keyturn/kek", ".keyturn/api-token", "keyturn.yaml"]);
    const before = await contents(place);
    expect(await result(place, ["init"])).toBe(
      `Ring ${first.ring} was there already.\nNext: keyturn serve\n`,
    );
    expect(await json<Made>(place, ["init"])).toEqual({ ...first, made: [] });
    expect(await contents(place)).toEqual(before);
  });

  it("writes its flags into the settings file, so that the next command finds the same ring", async () => {
    const place = await newPlace();
    const flags = [
      "--folder",
      "state",
      "--issuer",
      "https://auth.example.com",
      "--token-seconds",
      "60",
      "--standby",
      "false",
    ];
    const { ring } = await json<Made>(place, ["init", ...flags]);
    expect(parse(await readFile(join(place, "keyturn.yaml"), "utf8"))).toEqual({
      folder: "state",
      issuer: "https://auth.example.com",
      tokenSeconds: 60,
      standby: false,
    });
    expect(await json(place, ["status"])).toMatchObject({
      ring,
      policyMatches: true,
      keys: [{ phase: "emitting" }],
    });
  });

  it("leaves a settings file that is there alone, obeys it, and says what is not in it", async () => {
    const text = "# ours\nfolder: elsewhere\n";
    const place = await newPlace({ "keyturn.yaml": text });
    const { status, stderr } = await keyturn(place, ["init", "--token-seconds", "60"]);
    expect(status).toBe(0);
    expect(stderr).toBe(
      "keyturn: the flags are not in keyturn.yaml; unless you write them there, give them every time\n",
    );
    expect(await readFile(join(place, "keyturn.yaml"), "utf8")).toBe(text);
    expect(await readdir(place)).toEqual(["elsewhere", "keyturn.yaml"]);
  });

  it("writes over nothing, and through no link", async () => {
    const place = await newPlace();
    await symlink("elsewhere.yaml", join(place, "keyturn.yaml"));
    const { made } = await json<Made>(place, ["init"]);
    expect(made).toEqual([".keyturn/kek", ".keyturn/api-token"]);
    expect((await readdir(place)).sort()).toEqual([".keyturn", "keyturn.yaml"]);
  });

  it("run by several at once in one empty folder, makes one ring and one KEK", async () => {
    const place = await newPlace();
    const rings = await Promise.all(Array.from({ length: 4 }, () => keyturn(place, ["init", "--json"])));
    expect(rings.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    const made = rings.map(({ stdout }) => JSON.parse(stdout) as Made);
    expect(new Set(made.map(({ ring }) => ring)).size).toBe(1);
    expect(made.flatMap(({ made: paths }) => paths).sort()).toEqual([
      ".keyturn/api-token",
      ".keyturn/kek",
      "keyturn.yaml",
    ]);
    expect(await readdir(join(place, ".keyturn", "ring"))).toEqual(["ring.0000000001.json"]);
    expect(await json(place, ["audit", "verify"])).toMatchObject({ records: 1 });
  });

  it("makes nothing at all when the configuration cannot be used", async () => {
    const place = await newPlace();
    const wrong: readonly (readonly string[])[] = [
      ["--issuer", "http://auth.example.com"],
      ["--listen", "0.0.0.0:3000"],
      ["--token-seconds", "15m"],
      ["--overlap-seconds", "60"],
    ];
    await Promise.all(
      wrong.map((flags) => refused(place, ["init", ...flags], { status: 2, code: "config_invalid" })),
    );
    expect(await readdir(place)).toEqual([]);
  });
});

/** A user without a name, as containers have them. Only root can become one, and it must be able to reach this clone. */
const NAMELESS = 12_345;
const reaches =
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, [MAIN, "--version"], { uid: NAMELESS }).status === 0;

describe.skipIf(!reaches)("init by a user who may write in one folder only and has no name", () => {
  it("makes the ring there, says what it could not write, and commands name the user by number", async () => {
    const place = await newPlace();
    const state = join(place, "state");
    await mkdir(state);
    await chown(state, NAMELESS, NAMELESS);
    await chmod(place, 0o755);
    const as = { uid: NAMELESS };
    const { status, stderr } = await keyturn(place, ["init", "--folder", state], as);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: "keyturn: keyturn.yaml was not written (EACCES); it is not needed to go on\n",
    });
    await result(place, ["pause", "--folder", state], as);
    const records = await json<{ actor: string }[]>(place, ["audit", "show", "--folder", state], as);
    expect(records.map(({ actor }) => actor)).toEqual(["init", "cli:uid 12345"]);
    const forbidden = { status: 5, code: "store_permission" };
    expect(await refused(place, ["init"], forbidden, as)).toContain("EACCES");
  });
});

describe("settings", () => {
  it("come from keyturn.yaml, or else keyturn.json, of the folder that one is in", async () => {
    const place = await newPlace({ "keyturn.json": '{"folder":"from-json"}' });
    expect(await refused(place, ["status"], { status: 1, code: "ring_missing" })).toContain("from-json/ring");
    await put(join(place, "keyturn.yaml"), "folder: from-yaml");
    expect(await refused(place, ["status"], { status: 1, code: "ring_missing" })).toContain("from-yaml/ring");
    const env = { KEYTURN_FOLDER: "from-environment" };
    const missing = { status: 1, code: "ring_missing" };
    expect(await refused(place, ["status"], missing, { env })).toContain("from-environment/ring");
    expect(await refused(place, ["status", "--folder", "from-flag"], missing, { env })).toContain(
      "from-flag/ring",
    );
    expect(await readdir(place)).toEqual(["keyturn.json", "keyturn.yaml"]);
  });

  it("are all refused at once, one line each, and what to do", async () => {
    const place = await newPlace({ "keyturn.yaml": "tokenSecond: 60\napiToken: hunter2\nskewSeconds: -1\n" });
    const said = await refused(place, ["status", "--log-level", "loud"], {
      status: 2,
      code: "config_invalid",
    });
    expect(said.split("\n").slice(0, -1)).toEqual([
      "keyturn: The configuration cannot be used. [config_invalid]",
      '  tokenSecond: There is no such setting. Did you mean "tokenSeconds"?',
      "  apiToken: A secret does not belong in a configuration. Put it into a file and name that as apiTokenFile.",
      "  logLevel: Expected debug, info, warn or error.",
      "  skewSeconds: Expected at least 0 (seconds).",
      "  → Change the settings named; `keyturn init` writes a file that explains each.",
    ]);
  });
});
