/** What VERIFIER.md and ERRORS.md say in tables is what the code says. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { type ErrorCode, KeyturnError } from "../../src/errors.ts";
import { problemResponse } from "../../src/http/problem.ts";
import { VERIFIER_DEFAULTS } from "../../src/verifier/config.ts";
import { REFUSALS, type RefusalReason, VerifyError } from "../../src/verifier/refusal.ts";

it("gives every number its true default", () => {
  const page = readFileSync("VERIFIER.md", "utf8");
  const rows = Object.fromEntries(
    [...page.matchAll(/^\| `(\w+)` \| `(\d+)` \|/gm)].map(([, name, value]) => [name, Number(value)]),
  );
  expect(rows).toEqual(VERIFIER_DEFAULTS);
});

it("lists every error code and every reason", () => {
  const page = readFileSync("ERRORS.md", "utf8");
  const written = [[codesTable(), "codes"] as const, [reasonsTable(), "reasons"] as const].reduce(
    (text, [table, name]) => replaced(text, name, table),
    page,
  );
  if (process.env["UPDATE_README"] === "1") writeFileSync("ERRORS.md", written);
  else expect(page).toBe(written);
});

/** From the list in errors.ts, where each code stands with its meaning. */
function codesTable(): string {
  const list = [...readFileSync("src/errors.ts", "utf8").matchAll(/^ {2}\| "(\w+)";?(?: \/\/ (.*))?$/gm)];
  expect(list.length).toBeGreaterThan(40);
  const rows = list.map(([, name, meaning = ""]) => {
    const error = new KeyturnError(name as ErrorCode, "What.", { fix: "Fix." });
    return `| \`${name}\` | ${problemResponse(error).status} | ${exitCodeOf(error)} | ${meaning} |`;
  });
  return ["| code | HTTP | exit | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function reasonsTable(): string {
  const rows = Object.entries(REFUSALS).map(([reason, [what, fix]]) => {
    const { status, code } = new VerifyError(reason as RefusalReason);
    return `| \`${reason}\` | ${status} | \`${code}\` | ${what}. | ${fix}. |`;
  });
  return ["| reason | status | code | what | what to do |", "| --- | --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

function replaced(page: string, name: string, table: string): string {
  const begin = `<!-- ${name}: written by test/package/verifier-docs.test.ts -->`;
  const end = `<!-- end of ${name} -->`;
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`ERRORS.md lacks the markers of ${name}.`);
  return `${before}${begin}\n${table}\n${end}${after}`;
}
