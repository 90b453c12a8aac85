/** `doctor`: what keyturn relies on and cannot see to by itself. */
import type { Command } from "commander";
import { KeyturnError } from "../errors.ts";
import { examine } from "../node/doctor/examine.ts";
import type { Finding } from "../node/doctor/finding.ts";
import { command, configOf, type Options, withJson, withSettings } from "./command.ts";
import { printResult } from "./print.ts";

export function doctorCommand(): Command {
  const declared = command(
    "doctor",
    "check files, permissions, clocks, KEK, ring and the public JWKS; changes nothing",
    "keyturn doctor",
    "keyturn doctor --store aws --secret-id keyturn/ring",
    "keyturn doctor --jwks-url https://cdn.example.com/jwks.json --json",
  );
  return withSettings(withJson(declared), false).action(async (options: Options) => {
    const findings = await examine(await configOf(options), process.env);
    const failed = findings.filter(({ verdict }) => verdict === "fail");
    printResult({ healthy: failed.length === 0, findings }, options["json"] === true, () =>
      described(findings),
    );
    if (failed.length > 0) throw unwell(failed);
  });
}

const NAME_WIDTH_MIN = 13;

function described(findings: readonly Finding[]): string {
  const width = Math.max(NAME_WIDTH_MIN, ...findings.map(({ name }) => name.length));
  const lines = findings.map(({ name, verdict, what, fix }) => {
    const line = `${verdict.padEnd(4)}  ${name.padEnd(width)} ${what}`;
    return fix === null ? line : `${line}\n      → ${fix}`;
  });
  return lines.join("\n");
}

/** The findings are the result; of the error only the count and the names are new. */
function unwell(failed: readonly Finding[]): KeyturnError {
  return new KeyturnError(
    "doctor_failed",
    `Not as it must be: ${failed.map(({ name }) => name).join(", ")}.`,
    {
      fix: "Do what the findings say, then run it again.",
    },
  );
}
