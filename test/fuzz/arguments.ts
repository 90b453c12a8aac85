/** Command lines that nobody meant: a result or a refusal in words, with an exit status that is documented. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { SETTING_NAMES } from "../../src/node/settings.ts";
import { flagName } from "../../src/setting-text.ts";
import type { Row } from "../proof/section.ts";
import type { Spoken } from "./command-lines.ts";
import { INPUT } from "./requests.ts";
import { type Extent, searched } from "./search.ts";
import { openShell } from "./shell.ts";

const EXIT_STATUS_MAX = 6;

/** Those that serve until they are stopped, or take a minute, are only asked what they cannot do. */
const commands = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      ["init"],
      ["status"],
      ["plan"],
      ["rotate"],
      ["rollback"],
      ["revoke"],
      ["pause"],
      ["resume"],
      ["policy"],
      ["jwks"],
      ["sign"],
      ["verify"],
      ["audit", "show"],
      ["audit", "verify"],
      ["rewrap"],
      ["export"],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(["serve", "--lisen=1"], ["rehearse", "--no-such"], ["audit"], ["help"], []),
  },
);

/** Paths stay where the test is. */
const PATH_FLAGS = [
  "--folder",
  "--config",
  "--kek-file",
  "--previous-kek-file",
  "--api-token-file",
  "--audit-log",
  "--audit-token-file",
  "--import",
  "--passphrase-file",
];
const places = fc.constantFrom(
  ".keyturn",
  "nowhere",
  ".keyturn/kek",
  ".",
  "",
  " ",
  "none",
  "/dev/null",
  ".keyturn/ring",
);
const otherFlags = [
  ...SETTING_NAMES.map(flagName).filter((flag) => !PATH_FLAGS.includes(flag)),
  "--sub",
  "--aud",
  "--claims",
  "--expires-in-seconds",
  "--reason",
  "--anchor",
  "--count",
  "--kek",
  "--api-token",
  "--previous-kek",
];
const texts = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(INPUT, `{"a":"${INPUT}"`, `{"iss":"${INPUT}"}`, `https://${INPUT}@a`),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "0",
      "1",
      "-1",
      "600",
      "1e9",
      "",
      " ",
      "true",
      "ES256",
      "EdDSA",
      "{}",
      "[]",
      "none",
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
);
const flags = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...otherFlags), texts, fc.boolean()) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...PATH_FLAGS), places, fc.boolean()) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom("--no-such", "--kek-fil", "--jsn", "-kek", "--"),
      fc.constantFrom(INPUT, `it's ${INPUT}`, `two\n${INPUT}`),
      fc.boolean(),
    ),
  },
);
const written = flags.map(([flag, text, inOne]) => (inOne ? [`${flag}=${text}`] : [flag, text]));
/** Of the commands about API tokens. */
const tokenFlags = fc.oneof(
  fc.tuple(fc.constant("--name"), texts),
  fc.tuple(fc.constant("--role"), fc.constantFrom("signer", "security", "operator", "root", INPUT, "")),
  fc.tuple(fc.constantFrom("--audiences", "--claims", "--reason"), fc.oneof(texts, fc.constant('{"a":1}'))),
  fc.tuple(
    fc.constantFrom("--expires-in-seconds", "--token-overlap-seconds"),
    fc.oneof(texts, fc.constantFrom("never", "60", "300", "900", "901")),
  ),
  fc.tuple(fc.constant("--out"), fc.oneof(places, fc.constantFrom("a.token", "b.token", "nowhere/a.token"))),
);
const switches = fc.constantFrom(["--json"], ["--yes"], ["--apply"], ["--line"], ["--help"], ["--version"]);
const words = fc
  .oneof(fc.constantFrom("AAAAAAAA", "-AAAAAAAAAAAA…", "", "status"), fc.string({ maxLength: 12 }))
  .map((word) => [word]);

export const commandLines: fc.Arbitrary<string[]> = fc
  .tuple(
    commands,
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: written },
        { weight: 3, arbitrary: switches },
        { weight: 1, arbitrary: words },
      ),
      {
        maxLength: 4,
      },
    ),
  )
  .map(([command, rest]) => [...command, ...rest.flat()].map((word) => word.replaceAll("\u0000", "")));

/** What stands for the id of an API token that there is. */
const ID = "{id}";

/** Half of them have all that they need. */
const tokenCommands = fc.oneof(
  fc.constantFrom(
    ["issue", "--name", "orders", "--role", "signer"],
    ["rotate", ID],
    ["revoke", ID, "--reason", "a test", "--yes"],
    ["list"],
  ),
  fc.constantFrom(
    ["issue"],
    ["rotate"],
    ["revoke"],
    ["list", ID],
    ["no-such"],
    ["issue", "keyturn_AAAA"],
    [],
  ),
  fc.tuple(fc.constantFrom("rotate", "revoke"), fc.oneof(texts, fc.constantFrom("t_AAAAAAAAAAAAAAAA"))),
);

export const tokenCommandLines: fc.Arbitrary<string[]> = fc
  .tuple(
    tokenCommands,
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: tokenFlags.map(([flag, text]) => [flag, text]) },
        { weight: 3, arbitrary: switches },
        { weight: 1, arbitrary: written },
        { weight: 1, arbitrary: words },
      ),
      { maxLength: 4 },
    ),
  )
  .map(([command, rest]) =>
    ["api-token", ...command, ...rest.flat()].map((word) => word.replaceAll("\u0000", "")),
  );

export async function argumentRows(extent: Extent): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-fuzz-"));
  const shell = openShell(folder);
  const statuses = new Map<number, number>();
  const counted = () => {
    const told = [...statuses]
      .sort(([a], [b]) => a - b)
      .map(([status, times]) => `exit ${status} × ${times}`)
      .join(", ");
    statuses.clear();
    return told;
  };
  try {
    await shell.run(["init"]);
    const { stdout } = await shell.run(["api-token", "list", "--json"]);
    const [{ id }] = JSON.parse(stdout) as [{ id: string }];
    const propertyOf = (lines: fc.Arbitrary<string[]>) =>
      fc.asyncProperty(lines, async (drawn) => {
        const args = drawn.map((word) => word.replaceAll(ID, id));
        const spoken = await shell.run(args);
        const fault = faultOf(spoken, args);
        if (fault !== null) throw new Error(`${fault}: ${spoken.stderr.slice(0, 400)}`);
        statuses.set(spoken.status, (statuses.get(spoken.status) ?? 0) + 1);
      });
    const aboutTokens = { ...extent, runs: Math.ceil(extent.runs / 2) };
    return [
      await searched("command lines", propertyOf(commandLines), extent, counted),
      await searched("command lines of api-token", propertyOf(tokenCommandLines), aboutTokens, counted),
    ];
  } finally {
    shell.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is wrong with how a command ended; null when nothing is. */
function faultOf({ status, stdout, stderr }: Spoken, args: readonly string[]): string | null {
  if (!(Number.isInteger(status) && status >= 0 && status <= EXIT_STATUS_MAX)) return `exit status ${status}`;
  if (/\[internal\]|\bat .*\(?(file|node):/.test(stderr)) return "an error that is not one of keyturn's own";
  if (TOKEN_TEXT.test(stderr)) return "the value of an API token on stderr";
  if (TOKEN_TEXT.test(stdout) && !tells(args)) return "the value of an API token where it was not asked for";
  if (status === 0) return args.includes("--json") && !isJson(stdout) ? "--json without JSON" : null;
  if (!/^keyturn: .*\[[a-z_]+\]$/m.test(stderr) && !/^Usage: keyturn/.test(stderr))
    return "a refusal without words";
  return stderr.includes(INPUT) && !isNamed(stderr) ? "the value of a flag comes back" : null;
}

const TOKEN_TEXT = /keyturn_[\w-]{49}/;

/** Whether the command is to print the value of an API token. */
function tells(args: readonly string[]): boolean {
  return /^api-token (issue|rotate) /.test(args.join(" ")) && !args.includes("--out");
}

function isJson(text: string): boolean {
  if (/^(Usage: keyturn|\d+\.\d+\.\d+\n$)/.test(text)) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A verdict on a token names what was expected of it, as it was asked for. */
function isNamed(stderr: string): boolean {
  return /Expected are issuer/.test(stderr);
}
