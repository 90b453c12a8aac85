/** `audit show` and `audit verify`. */
import { Command } from "commander";
import { KeyturnError } from "../errors.ts";
import { readAuditLog } from "../node/audit-log.ts";
import { type AuditRecord, verifyChain } from "../ring/audit.ts";
import { command, configOf, type Options, option, usage, withJson, withSettings } from "./command.ts";
import { formatInstant, printNote, printResult, shortKid } from "./print.ts";

export function auditCommand(): Command {
  const show = withSettings(
    withJson(
      command(
        "show",
        "print the records of the audit log",
        "keyturn audit show",
        "keyturn audit show --json --audit-log audit-of-last-year.jsonl",
      ),
    ),
    false,
  ).action(async (options: Options) => {
    const { records, path } = await recordsOf(options);
    if (records.length === 0) printNote(`${path} holds no record`);
    printResult(records, options["json"] === true, () => records.map(describe).join("\n"));
  });
  const verify = withSettings(
    withJson(
      command(
        "verify",
        "check the chain of the audit log",
        "keyturn audit verify",
        "keyturn audit verify --anchor <hash noted a week ago>",
      ),
    ),
    false,
  )
    .addOption(option("--anchor <hash>", "a record's hash noted elsewhere, which the chain must hold"))
    .action(async (options: Options) => {
      const { records, path } = await recordsOf(options);
      await assertWhole(records, path, options["anchor"]);
      const head = records.at(-1)?.hash ?? null;
      printResult({ records: records.length, head }, options["json"] === true, () =>
        [`${counted(records)}, none changed, missing, inserted or out of order.`, `head ${head}`].join("\n"),
      );
    });
  return new Command("audit")
    .description("read or check the audit log")
    .addCommand(show)
    .addCommand(verify)
    .addHelpText("after", "\nExamples:\n  keyturn audit show\n  keyturn audit verify");
}

async function recordsOf(options: Options): Promise<{ records: AuditRecord[]; path: string }> {
  const { auditLog: path } = await configOf(options);
  if (path === "stdout")
    throw usage("The audit log goes to stdout.", "Name a file that holds it: --audit-log <file>.");
  return { records: await readAuditLog(path), path };
}

async function assertWhole(
  records: readonly AuditRecord[],
  path: string,
  anchor: Options[string],
): Promise<void> {
  const [first] = records;
  if (first === undefined) {
    throw new KeyturnError("audit_broken", `${path} holds no record.`, {
      fix: "Check the path: --audit-log <file>.",
    });
  }
  await verifyChain(records, typeof anchor === "string" ? anchor : undefined);
  if (first.generation === 1) return;
  throw new KeyturnError(
    "audit_broken",
    `The log begins with generation ${first.generation}: earlier records are missing.`,
    {
      fix: "Put the older log before it, in one file.",
    },
  );
}

function counted({ length }: readonly AuditRecord[]): string {
  return length === 1 ? "1 record" : `${length} records`;
}

function describe({ generation, at, event, oldKid, newKid, trigger, actor, reason }: AuditRecord): string {
  const kids = [oldKid, newKid].map((kid) => (kid === null ? "" : shortKid(kid)));
  const cause = `${trigger} by ${actor}${reason === null ? "" : `: ${reason}`}`;
  return `${String(generation).padStart(5)}  ${formatInstant(at)}  ${event.padEnd(16)} ${kids.filter(Boolean).join(" → ")}  ${cause}`;
}
