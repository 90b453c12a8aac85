/** `npm run bench`: how fast keyturn is, beside what the platform can do and beside its peers. */
import { parseArgs } from "node:util";
import { bundleGroups } from "./bundle.ts";
import { commitGroups } from "./commit.ts";
import { edgeJwksGroups } from "./edge/jwks.ts";
import { edgeSignGroups } from "./edge/sign.ts";
import { edgeStartGroups } from "./edge/start.ts";
import { edgeVerifyGroups } from "./edge/verify.ts";
import { jwksGroups } from "./jwks.ts";
import { kidsGroups } from "./kids.ts";
import { memoryGroups } from "./memory.ts";
import { type Group, jsonLine, table } from "./report.ts";
import { rotationGroups } from "./rotation.ts";
import { signGroups } from "./sign.ts";
import { signHttpGroups } from "./sign-http.ts";
import { verifyGroups } from "./verify.ts";
import { verifyStartGroups } from "./verify-start.ts";

const GROUPS: readonly Group[] = [
  ...signGroups,
  ...signHttpGroups,
  ...verifyGroups,
  ...verifyStartGroups,
  ...kidsGroups,
  ...bundleGroups,
  ...jwksGroups,
  ...rotationGroups,
  ...commitGroups,
  ...memoryGroups,
  ...edgeJwksGroups,
  ...edgeVerifyGroups,
  ...edgeSignGroups,
  ...edgeStartGroups,
];

const NAMES = GROUPS.map(({ name }) => `  ${name}\n`).join("");

const HELP = `Usage: npm run bench -- [options] [group...]

Measures all groups, or those whose names begin with one of the given words.

  --json   JSON lines: {"group","case","opsPerSecond","ratio"}, ratio to the group's case "raw"
  --quick  a few seconds, to see that everything works; the figures mean nothing
  --help   this

Groups:
${NAMES}
Examples:
  npm run bench
  npm run bench -- sign jwks/200
  npm run bench -- edge
  npm run --silent bench -- --json sign > before.jsonl
`;

const EXIT_USAGE = 2;

async function main(): Promise<number> {
  const { values, positionals } = parsed();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = positionals.find((prefix) => !GROUPS.some(({ name }) => name.startsWith(prefix)));
  if (unknown !== undefined) throw new UsageError(`there is no group "${unknown}". There are:\n${NAMES}`);

  const chosen = GROUPS.filter(
    ({ name }) => positionals.length === 0 || positionals.some((prefix) => name.startsWith(prefix)),
  );
  for (const { run, note } of chosen) {
    const figures = await run({ quick: values.quick });
    const text = values.json ? figures.map(jsonLine).join("\n") : table(figures, !values.quick, note);
    process.stdout.write(`${text}\n`);
  }
  return 0;
}

class UsageError extends Error {}

function parsed() {
  const options = {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  } as const;
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${HELP}`);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}`);
  process.exitCode = EXIT_USAGE;
}
