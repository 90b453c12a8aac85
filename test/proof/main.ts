/** `npm run prove`: all parts of the proof, one table. `--help` says what can be chosen. */
import { parseArgs } from "node:util";
import { canary } from "./canary.ts";
import { clockJumps } from "./clock-jumps.ts";
import { fileStoreUnderFire } from "./file-store.ts";
import { fuzzing } from "./fuzz.ts";
import { models } from "./model.ts";
import { plantedBugs } from "./planted-bugs.ts";
import { secretsManager } from "./secrets-manager.ts";
import type { Row, Section } from "./section.ts";
import { simulation } from "./simulation.ts";
import { tightness } from "./tightness.ts";

/** By the name that `--only` takes. */
const SECTIONS: Readonly<Record<string, Section>> = {
  simulation,
  "planted-bugs": plantedBugs,
  tightness,
  "clock-jumps": clockJumps,
  "file-store": fileStoreUnderFire,
  "secrets-manager": secretsManager,
  model: models,
  fuzz: fuzzing,
  canary,
};

const HELP = `Usage: node test/proof/main.ts [options]

  --seed N      from which everything random follows (default 1)
  --share X     of the full run, in (0, 1] (default 1)
  --only NAMES  of ${Object.keys(SECTIONS).join(", ")}; separated by commas
  --json        the rows as JSON
  --help

Exit code: 0 when everything is as promised, else 1; 2 for a wrong option.`;

interface Choice {
  readonly seed: number;
  readonly share: number;
  readonly names: readonly string[];
  readonly json: boolean;
}

function chosen(): Choice | null {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      share: { type: "string", default: "1" },
      only: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const [seed, share] = [Number(values.seed), Number(values.share)];
  const names = values.only?.split(",").map((name) => name.trim()) ?? Object.keys(SECTIONS);
  const unknown = names.filter((name) => SECTIONS[name] === undefined);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError("--seed takes a whole number.");
  if (!(share > 0 && share <= 1)) throw new RangeError("--share takes a number in (0, 1].");
  if (unknown.length > 0) throw new RangeError(`--only knows no ${unknown.join(", ")}.`);
  return { seed, share, names, json: values.json };
}

interface Proved {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
}

async function prove({ names, seed, share }: Choice, tell: (section: Proved) => void): Promise<Proved[]> {
  const proved: Proved[] = [];
  for (const name of names) {
    const section = SECTIONS[name] as Section;
    const startedAt = performance.now();
    const rows = await section.run({ share, seed });
    const seconds = (performance.now() - startedAt) / 1000;
    const one = { name, title: section.title, seconds, rows };
    tell(one);
    proved.push(one);
  }
  return proved;
}

function table({ title, seconds, rows }: Proved): string {
  const width = Math.max(...rows.map(({ what }) => what.length));
  const lines = rows.map(
    ({ what, figure, ok }) => `  ${ok ? "ok  " : "FAIL"}  ${what.padEnd(width)}  ${figure}`,
  );
  return [`${title} (${seconds.toFixed(1)} s)`, ...lines, ""].join("\n");
}

async function main(): Promise<number> {
  let choice: Choice | null;
  try {
    choice = chosen();
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (choice === null) {
    console.log(HELP);
    return 0;
  }
  const { json, seed, share } = choice;
  if (!json) console.log(`Seed ${seed}, share ${share}\n`);
  const proved = await prove(choice, (section) => json || console.log(table(section)));
  if (json) console.log(JSON.stringify({ seed, share, sections: proved }, null, 2));
  const failed = proved.flatMap(({ rows }) => rows).filter(({ ok }) => !ok).length;
  if (!json) console.log(failed === 0 ? "Everything is as promised." : `${failed} rows are not as promised.`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
