/** `api-token issue list rotate revoke`: the credentials of the HTTP API, from the host that has the KEK. */
import { Command } from "commander";
import type { ApiTokenView } from "../api-tokens/api-token.ts";
import type { ApiTokens } from "../api-tokens/api-tokens.ts";
import type { TokenOrder } from "../api-tokens/order.ts";
import { ROLES, type Role } from "../api-tokens/role.ts";
import type { Scope } from "../api-tokens/scope.ts";
import { assertNoFile, writeApiToken } from "../node/api-tokens.ts";
import { command, type Options, option, usage, withJson, withRing, withSettings } from "./command.ts";
import { formatInstant, printNote, printResult } from "./print.ts";
import { actorName, confirm, requireReason, withYes } from "./ring-commands.ts";

export function apiTokenCommand(): Command {
  const group = new Command("api-token")
    .description("issue, list, rotate or revoke API tokens")
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn api-token issue --name orders --role signer\n  keyturn api-token list",
    );
  for (const child of [issueCommand(), listCommand(), rotateCommand(), revokeCommand()])
    group.addCommand(child);
  return group;
}

function issueCommand(): Command {
  const declared = command(
    "issue",
    "make an API token and print it, this once",
    "keyturn api-token issue --name orders --role signer --audiences orders,billing",
    "keyturn api-token issue --name ci --role operator --expires-in-seconds 86400 --out ci.token",
  );
  return withOut(withSettings(withJson(declared), false))
    .addOption(option("--name <text>", "whose it is"))
    .addOption(option("--role <role>", `what it is for: ${ROLES.join(", ")}`))
    .addOption(option("--audiences <a,b>", "the audiences that a signer may name; default: any"))
    .addOption(option("--claims <json>", "claims that what a signer asks for must carry, a JSON object"))
    .addOption(option("--expires-in-seconds <n>", 'lifetime, or "never"; default: 90 days'))
    .action(async (options: Options) => {
      const order = { ...orderOf(options), by: actorName() };
      await withTokens(options, async (tokens) => {
        const { token, view } = await tokens.issue(order);
        await handOver(options, token, view, () =>
          tokens.revoke(view.id, { reason: "its value could not be written down", by: order.by }),
        );
      });
    });
}

function listCommand(): Command {
  const declared = command(
    "list",
    "show the API tokens, with when each was used last",
    "keyturn api-token list",
    "keyturn api-token list --json",
  );
  return withSettings(withJson(declared), false).action(async (options: Options) => {
    const views = await withTokens(options, async (tokens) => tokens.list());
    if (views.length === 0) printNote("there are no API tokens; `keyturn api-token issue` makes one");
    printResult(views, options["json"] === true, () => views.map(describe).join("\n"));
  });
}

function rotateCommand(): Command {
  const declared = command(
    "rotate",
    "make the successor of an API token and print it; for a while both are good",
    "keyturn api-token rotate <id>",
    "keyturn api-token rotate <id> --token-overlap-seconds 900 --out new.token",
  ).argument("<id>", "as `keyturn api-token list` shows it");
  return withOut(withSettings(withJson(declared), false))
    .addOption(option("--token-overlap-seconds <n>", "how long both are good, 300 to 900; default: 600"))
    .addOption(
      option("--expires-in-seconds <n>", 'lifetime, or "never"; default and limit: as the one before'),
    )
    .action(async (id: string, options: Options) => {
      const order = {
        overlapSeconds: secondsOf(options, "tokenOverlapSeconds") ?? undefined,
        expiresInSeconds: secondsOf(options, "expiresInSeconds"),
        by: actorName(),
      };
      const { token, view, overlapUntil, changed } = await withTokens(options, (tokens) =>
        tokens.rotate(id, order),
      );
      if (!changed) printNote(`it had a successor already, ${view.id}`);
      printNote(`the one before is good until ${formatInstant(overlapUntil)}`);
      // Asked for again within the overlap, the same value is told again.
      await handOver(options, token, view, async () => undefined);
    });
}

function revokeCommand(): Command {
  const declared = command(
    "revoke",
    "end an API token at once and for ever",
    'keyturn api-token revoke <id> --reason "laptop was stolen"',
    'keyturn api-token revoke <id> --line --reason "laptop was stolen" --yes',
  ).argument("<id>", "as `keyturn api-token list` shows it");
  return withYes(withSettings(withJson(declared), false))
    .option("--line", "also those that it came from and those that follow it")
    .addOption(option("--reason <text>", "why; is kept with the token"))
    .action(async (id: string, options: Options) => {
      requireReason(options);
      const order = { reason: String(options["reason"]), by: actorName(), line: options["line"] === true };
      const outcome = await withTokens(options, async (tokens) => {
        await confirm(options, "Whoever uses it is refused from now on.");
        return tokens.revoke(id, order);
      });
      for (const other of outcome.stillGood)
        printNote(`${other}, of the same line, is still good: with --line it goes too`);
      printResult(outcome, options["json"] === true, () =>
        outcome.changed
          ? "Revoked. Running servers know within their refreshSeconds."
          : "It had ended before.",
      );
    });
}

function withOut(to: Command): Command {
  return to.addOption(option("--out <file>", "write the value to this new file instead (mode 0600)"));
}

/** Opens the book, does `work`, and sees home what the audit log is to have of it. */
async function withTokens<T>(options: Options, work: (tokens: ApiTokens) => Promise<T>): Promise<T> {
  if (typeof options["out"] === "string") assertNoFile(options["out"]);
  return withRing(options, async (_manager, _config, opened) => work(await opened.apiTokens()));
}

/** Tells the value, on stdout or in a file. What nobody got is undone. */
async function handOver(
  { out, json }: Options,
  token: string | null,
  view: ApiTokenView,
  undo: () => Promise<unknown>,
): Promise<void> {
  if (token === null)
    printNote(
      "its value was told under a KEK that is gone, and cannot be told again; have a new token issued",
    );
  if (typeof out === "string" && token !== null) {
    await writeApiToken(out, token).catch(async (error: unknown) => {
      await undo();
      throw error;
    });
    return printResult({ ...view, file: out }, json === true, () => `${describe(view)}\nWritten to ${out}`);
  }
  printNote(describe(view));
  if (token !== null) printNote("this value is shown once and kept nowhere");
  printResult({ ...view, token }, json === true, () => token ?? "");
}

function describe({ id, name, role, phase, expiresAt, lastUsedAt }: ApiTokenView): string {
  const expiry = expiresAt === null ? "does not expire" : `expires ${formatInstant(expiresAt)}`;
  const use = lastUsedAt === null ? "never used" : `last used ${formatInstant(lastUsedAt)}`;
  return `${id}  ${phase.padEnd(11)}  ${role.padEnd(9)}  ${expiry}, ${use}  ${name}`;
}

function orderOf(options: Options): TokenOrder {
  const { name, role } = options;
  if (typeof name !== "string")
    throw usage("--name is missing.", "Say whose token it is, like: --name orders.");
  if (typeof role !== "string") throw usage("--role is missing.", `Choose one of: ${ROLES.join(", ")}.`);
  return {
    name,
    role: role as Role,
    scope: scopeOf(options),
    expiresInSeconds: secondsOf(options, "expiresInSeconds"),
  };
}

function scopeOf({ audiences, claims }: Options): Scope | null {
  if (audiences === undefined && claims === undefined) return null;
  return {
    audiences: typeof audiences === "string" ? audiences.split(",").map((one) => one.trim()) : null,
    claims: typeof claims === "string" ? claimsIn(claims) : null,
  };
}

function claimsIn(json: string): Scope["claims"] {
  try {
    const claims: unknown = JSON.parse(json);
    // The values are held against the rules of a scope with the rest of the order.
    if (typeof claims === "object" && claims !== null && !Array.isArray(claims))
      return claims as Scope["claims"];
  } catch {
    // Said below, for both.
  }
  throw usage("--claims is not a JSON object.", `Write it like: --claims '{"tenant":"acme"}'.`);
}

/** Undefined when it was not given, null for "never". */
function secondsOf(
  options: Options,
  name: "tokenOverlapSeconds" | "expiresInSeconds",
): number | null | undefined {
  const text = options[name];
  if (typeof text !== "string") return undefined;
  if (text === "never" && name === "expiresInSeconds") return null;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  const flag = name === "tokenOverlapSeconds" ? "--token-overlap-seconds" : "--expires-in-seconds";
  throw usage(`${flag} is not a whole number of seconds.`, `Write it like: ${flag} 600.`);
}
