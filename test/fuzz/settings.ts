/** Configurations from flags, environment and file that nobody meant: complete, or refused with every reason. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { readConfig } from "../../src/node/config.ts";
import { SETTING_NAMES, SETTINGS } from "../../src/node/settings.ts";
import { policyProblems } from "../../src/ring/policy.ts";
import { environmentName } from "../../src/setting-text.ts";
import type { Row } from "../proof/section.ts";
import { alteredText } from "./alterations.ts";
import { INPUT } from "./requests.ts";
import { type Extent, searched } from "./search.ts";
import { assertRefusal } from "./service.ts";

const texts = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...SETTINGS.map((setting) => setting.default),
      "ES384",
      "at+jwt",
      "https://a.example",
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      INPUT,
      `https://${INPUT}@a.example`,
      `https://a.example?${INPUT}`,
      `${INPUT}:99999`,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "0",
      "-1",
      "1e3",
      "600",
      "99999999999",
      "1.5",
      "NaN",
      "",
      " ",
      "true",
      "none",
      "5 min",
    ),
  },
  { weight: 1, arbitrary: fc.string() },
);
const names = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...SETTING_NAMES) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("kek", "apiToken", "overlpa", "__proto__", "constructor", "toString"),
  },
);
/** Mostly with a value that it may have. */
const lawful = fc.constantFrom(...SETTINGS.filter((setting) => !/^<|^none$/.test(setting.default)));
const lawfulPairs = lawful.map((setting) => [setting.name as string, setting.default] as const);
const pairs = fc.oneof(
  { weight: 5, arbitrary: lawfulPairs },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...SETTING_NAMES), texts) },
);
const flags = fc.array(pairs, { maxLength: 3 }).map((drawn) => Object.fromEntries(drawn));
const variables = fc
  .array(fc.oneof({ weight: 5, arbitrary: pairs }, { weight: 1, arbitrary: fc.tuple(names, texts) }), {
    maxLength: 3,
  })
  .map((drawn) => Object.fromEntries(drawn.map(([name, text]) => [environmentName(name), text])));
const values: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: texts },
  { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.jsonValue({ maxDepth: 2 })) },
);
const mappings = fc.dictionary(names, values, { maxKeys: 5 });
const yaml = mappings.map((drawn) =>
  Object.entries(drawn)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join(""),
);
const BOMB = `a: &a [${INPUT}]\n${Array.from({ length: 12 }, (_, i) => `b${i}: &b${i} [${Array(9).fill(i === 0 ? "*a" : `*b${i - 1}`)}]\n`).join("")}`;
const files: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: yaml },
  { weight: 3, arbitrary: mappings.map((drawn) => JSON.stringify(drawn)) },
  { weight: 4, arbitrary: yaml.chain(alteredText) },
  { weight: 1, arbitrary: fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array(), fc.json()) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      BOMB,
      `issuer: ${INPUT}\n  bad: [`,
      `issuer: *${INPUT}`,
      `"${INPUT}`,
      `!!js/function ${INPUT}`,
      `<<: ${INPUT}`,
      `? ${INPUT}\n: 1`,
      `[${INPUT}]: 1`,
      `--- ${INPUT}\n--- b`,
      `%YAML 9.9\n---\n${INPUT}`,
      "[".repeat(3000),
    ),
  },
);

export async function settingRows(extent: Extent): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-fuzz-"));
  const file = join(folder, "settings.yaml");
  const outcomes = { complete: 0, refused: 0 };
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => void warnings.push(message);
  process.on("warning", onWarning);
  const property = fc.asyncProperty(flags, variables, fc.option(files), async (flag, variable, content) => {
    if (content !== null) await writeFile(file, content);
    const environment = { ...variable, PATH: INPUT };
    const named = content === null ? undefined : file;
    const outcome = await readConfig(flag, environment, named).catch((error: unknown) => error);
    if (outcome instanceof Error) {
      assertRefusal(outcome, ...hidden(content));
      if (!outcome.code.startsWith("config_")) throw new Error(`${outcome.code} for a configuration`);
      outcomes.refused += 1;
      return;
    }
    const config = outcome as Awaited<ReturnType<typeof readConfig>>;
    if (policyProblems(config.policy).length > 0)
      throw new Error("A policy that cannot be kept was let through.");
    if (!/^https?:\/\/\S+$/.test(config.issuer)) throw new Error("An issuer that is no URL was let through.");
    outcomes.complete += 1;
  });
  try {
    const counted = () => `${outcomes.complete} complete, ${outcomes.refused} refused`;
    const row = await searched("settings from flags, environment and file", property, extent, counted);
    // A warning comes a turn of the event loop after what it warns of.
    await new Promise(setImmediate);
    const quoting = warnings.filter((message) => message.includes(INPUT));
    const what = "warnings on stderr that quote a configuration file";
    return [
      row,
      {
        what,
        figure: `${quoting.length}${quoting.length === 0 ? "" : `: ${quoting[0]}`}`,
        ok: quoting.length === 0,
      },
    ];
  } finally {
    process.off("warning", onWarning);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Values must not come back. A name may: it is told to be unknown, whatever it is. */
function hidden(content: string | Uint8Array | null): string[] {
  const isName = typeof content === "string" && /(^|\n)[?"[{]?\s*zq7v|zq7v\w*"?\s*:/m.test(content);
  return isName ? [] : [INPUT];
}
