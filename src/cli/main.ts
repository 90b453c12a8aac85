#!/usr/bin/env node
/** The command line. Each command is a thin door to the same manager that the server uses. */
import { Command, CommanderError } from "commander";
import { apiTokenCommand } from "./api-token-command.ts";
import { auditCommand } from "./audit-command.ts";
import { doctorCommand } from "./doctor-command.ts";
import { exitCodeOf } from "./exit-code.ts";
import { exportCommand } from "./export-command.ts";
import { initCommand } from "./init.ts";
import { printFailure } from "./print.ts";
import { endsWithItsReader } from "./reader.ts";
import { rehearseCommand } from "./rehearse-command.ts";
import {
  kidsLast,
  pauseCommand,
  policyCommand,
  resumeCommand,
  revokeCommand,
  rewrapCommand,
  rollbackCommand,
  rotateCommand,
} from "./ring-commands.ts";
import { jwksCommand, planCommand, statusCommand } from "./ring-views.ts";
import { serveCommand } from "./serve-command.ts";
import { signCommand, verifyCommand } from "./token-commands.ts";
import { version } from "./version.ts";

const EXAMPLES = `
Examples:
  keyturn init                       make KEK, API token, ring and keyturn.yaml
  keyturn serve                      serve the JWKS and turn the keys over
  keyturn status                     see the keys and the next step
  keyturn sign --sub alice --aud api sign a token
  keyturn rotate                     start the next turnover now
  keyturn revoke <kid> --reason "laptop was stolen"
  keyturn rehearse                   watch a turnover, a rollback and an emergency, in a minute

Exit codes:
  0 ok · 1 refused or conflict · 2 usage or configuration · 3 ring corrupt · 4 KEK
  5 store unavailable · 6 commit unknown`;

function program(): Command {
  const root = new Command("keyturn")
    .description("JWT signing keys that turn themselves over with no honest token rejected.")
    .version(version())
    .addHelpText("after", EXAMPLES);
  const commands = [
    initCommand(),
    serveCommand(),
    statusCommand(),
    planCommand(),
    rotateCommand(),
    rollbackCommand(),
    revokeCommand(),
    pauseCommand(),
    resumeCommand(),
    policyCommand(),
    jwksCommand(),
    signCommand(),
    verifyCommand(),
    auditCommand(),
    apiTokenCommand(),
    rewrapCommand(),
    exportCommand(),
    doctorCommand(),
    rehearseCommand(),
  ];
  for (const command of commands) root.addCommand(command);
  return withoutExit(root);
}

/** Errors of usage come back here, so that one place chooses the exit code. */
function withoutExit(command: Command): Command {
  command
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(inOurWords(text)) })
    .showHelpAfterError("  → Add --help for what it takes.");
  for (const child of command.commands) withoutExit(child);
  return command;
}

/** Commander's refusals, as print.ts writes ours; of what is unknown only what can be no secret. */
function inOurWords(text: string): string {
  return (
    text
      .replace(/'(-[^=']*)=[\s\S]*'/, "'$1'")
      // To the last quote: the word itself may have some.
      .replace(/(?<=unknown (?:command|option) )'([\s\S]*)'/, shownWord)
      .replace(/'([^']*)'/g, shownWord)
      .replace(/^error: (.*)$/m, "keyturn: $1 [usage]")
  );
}

function shownWord(quoted: string, name: string): string {
  return NAME.test(name) ? quoted : "(a word that is not shown)";
}

/** A command, a flag, or a flag with what it takes. A key that was pasted in its place looks otherwise. */
const NAME = /^(?:-[A-Za-z]|-{0,2}[a-z][a-z-]{0,30})(?:, --[a-z-]+)?(?: <[a-z]+>)?$/;

async function main(): Promise<number> {
  try {
    await program().parseAsync(kidsLast(process.argv.slice(2)), { from: "user" });
    return 0;
  } catch (error) {
    // Commander has said what is wrong; help and version end this way too, with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    printFailure(error);
    return exitCodeOf(error);
  }
}

const EXIT_USAGE = 2;

endsWithItsReader();
process.exitCode = await main();
