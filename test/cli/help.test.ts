import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SETTINGS } from "../../src/node/settings.ts";
import { flagName } from "../../src/setting-text.ts";
import { newPlace } from "../node/place.ts";
import { keyturn, refused, result } from "./keyturn.ts";

const COMMANDS = [
  "init",
  "serve",
  "status",
  "plan",
  "rotate",
  "rollback",
  "revoke",
  "pause",
  "resume",
  "policy",
  "jwks",
  "sign",
  "verify",
  "audit",
  "api-token",
  "rewrap",
  "export",
  "doctor",
  "rehearse",
];

/** The commands that the help lists, but for `help` itself. */
const listedIn = (help: string) =>
  [...(help.split("\nCommands:\n")[1] ?? "").matchAll(/^ {2}([\w-]+)/gm)]
    .map(([, name]) => name as string)
    .filter((name) => name !== "help");

describe("the help", () => {
  it("lists every command, with examples and exit codes, on stdout", async () => {
    const place = await newPlace();
    const help = await result(place, ["--help"]);
    expect(listedIn(help.split("\nExamples:")[0] as string).sort()).toEqual([...COMMANDS].sort());
    expect(help).toContain("Examples:\n  keyturn init");
    expect(help).toMatch(/Exit codes:\n {2}0 ok · 1 refused/);
  });

  it("tells of every command what it does and takes, with an example of it", async () => {
    const place = await newPlace();
    const tokens = ["issue", "list", "rotate", "revoke"].map((name) => `api-token ${name}`);
    const commands = [...COMMANDS, "audit show", "audit verify", ...tokens];
    const helps = await Promise.all(
      commands.map((command) => result(place, [...command.split(" "), "--help"])),
    );
    for (const [i, command] of commands.entries()) {
      const help = helps[i] as string;
      expect(help.startsWith(`Usage: keyturn ${command}`), help).toBe(true);
      expect(help).toMatch(new RegExp(`Examples:\\n(.*\\n)* {2}keyturn .*${command}`));
      expect(help).toContain("-h, --help");
    }
  });

  it("lists every setting with its default once, for serve, and no flag that takes a secret", async () => {
    const help = await result(await newPlace(), ["serve", "--help"]);
    const flat = help.replaceAll(/\s+/g, " ");
    for (const { name, default: fallback, about } of SETTINGS) {
      expect(flat).toContain(`${flagName(name)} <value> ${about} Default: ${fallback}.`);
    }
    expect(help).not.toMatch(/--(kek|previous-kek|api-token) /);
  });

  it("is no place for a version but --version is", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(await result(await newPlace(), ["--version"])).toBe(`${version}\n`);
  });
});

const usage = { status: 2, code: "usage" };

describe("a command line that makes no sense", () => {
  it("is answered with the command, flag or value that was meant, and status 2", async () => {
    const place = await newPlace();
    const cases: readonly [string[], RegExp][] = [
      [["it's"], /unknown command \(a word that is not shown\) \[usage\]\n {2}→/],
      [["statu"], /unknown command 'statu' \[usage\]\n\(Did you mean status\?\)/],
      [["status", "--jsn"], /unknown option '--jsn' \[usage\]\n\(Did you mean --json\?\)/],
      [["serve", "--tokenSeconds", "60"], /Did you mean --token-seconds\?/],
      [["verify", "eyJhbGciOi.J9.x"], /too many arguments for 'verify'/],
      [["revoke"], /missing required argument 'kid'/],
    ];
    await Promise.all(
      cases.map(async ([args, message]) => {
        expect(await refused(place, args, usage)).toMatch(message);
      }),
    );
  });

  it("is refused for a flag without value, with an empty one, or given twice", async () => {
    const place = await newPlace();
    const cases: readonly [string[], string][] = [
      [["status", "--folder"], "option '--folder <value>' argument missing"],
      [["status", "--folder", ""], "--folder is empty."],
      [["status", "--folder", "a", "--folder", "b"], "--folder is given twice."],
      [["sign", "--sub", "a", "--sub", "b"], "--sub is given twice."],
    ];
    await Promise.all(
      cases.map(async ([args, message]) => {
        expect(await refused(place, args, usage)).toContain(`keyturn: ${message}`.replace(/\.$/, ""));
      }),
    );
  });

  it("is refused when it brings a secret, which is not repeated", async () => {
    const place = await newPlace();
    const secret = "3UQKwGr-TAc0nOlu0xQ3tjrE1XlRISVB6Lw-gV34ZFM";
    const attempts = [["--kek", secret], [`--previous-kek=${secret}`], ["--api-token", secret]];
    await Promise.all(
      attempts.map(async (args) => {
        const said = await refused(place, ["serve", "--init", ...args], usage);
        expect(said).toContain(`${args[0]?.split("=")[0]}-file`);
        expect(said).not.toContain(secret);
      }),
    );
    // One key in 64 begins with a dash, and looks like a flag.
    for (const key of [secret, `-${secret.slice(1)}`])
      for (const args of [[key], ["status", key], ["serve", key]])
        expect(await refused(place, args, usage)).not.toContain(key);
    expect(await refused(place, ["serve", `--kekk=${secret}`], usage)).not.toContain(secret);
  });

  it("is answered with the help, on stderr, when it names nothing to do", async () => {
    const place = await newPlace();
    for (const args of [[], ["audit"]]) {
      const { status, stdout, stderr } = await keyturn(place, args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain("Usage: keyturn");
    }
  });
});
