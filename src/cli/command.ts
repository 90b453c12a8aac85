/** How every command is declared: strict options, the settings as flags, one way to open the ring. */
import { Command, InvalidArgumentError, Option } from "commander";
import { KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import { type Config, readConfig } from "../node/config.ts";
import { openConfigured } from "../node/open.ts";
import { flagName, SETTINGS } from "../node/settings.ts";
import type { KeyturnEvent } from "../telemetry/events.ts";
import { printNote } from "./print.ts";

/** Options as commander hands them over: a text, or true for a switch. */
export type Options = Readonly<Record<string, string | boolean | undefined>>;

export function command(name: string, summary: string): Command {
  return new Command(name).description(summary).addOption(option("--config <file>", "configuration file"));
}

/** An option that takes a text: not empty, and given once. */
export function option(flags: string, about: string): Option {
  return new Option(flags, about).argParser((text: string, before: string | undefined) => {
    if (before !== undefined) throw new InvalidArgumentError("It is given twice.");
    if (text.trim() === "") throw new InvalidArgumentError("It is empty.");
    return text;
  });
}

/** Adds every setting as a flag; shown in the command's help only where `listed`. */
export function withSettings(to: Command, listed: boolean): Command {
  for (const { name, default: fallback, about } of SETTINGS) {
    const setting = option(`${flagName(name)} <value>`, `${about} Default: ${fallback}.`).helpGroup(
      "Settings:",
    );
    to.addOption(listed ? setting : setting.hideHelp());
  }
  if (!listed) to.addHelpText("after", "\nEvery setting is a flag too; `keyturn serve --help` lists them.");
  return to;
}

export function withJson(to: Command): Command {
  return to.option("--json", "print JSON");
}

export async function configOf(options: Options): Promise<Config> {
  const flags = SETTINGS.flatMap(({ name }) => {
    const text = options[name];
    return typeof text === "string" ? [[name, text] as const] : [];
  });
  const { config } = options;
  return readConfig(Object.fromEntries(flags), process.env, typeof config === "string" ? config : undefined);
}

/** Opens the configured ring, does `work`, and sees the audit records home. */
export async function withRing<T>(
  options: Options,
  work: (manager: KeyManager, config: Config) => Promise<T>,
): Promise<T> {
  const config = await configOf(options);
  const opened = await openConfigured(config, {
    create: false,
    environment: process.env,
    onEvent: noteTrouble,
  });
  try {
    return await work(opened.manager, config);
  } finally {
    await opened.audited();
  }
}

/** A command's log is its result; only what went wrong on the side is worth a line. */
export function noteTrouble(event: KeyturnEvent): void {
  if (event.type === "audit_failed")
    printNote("the audit log could not be written; the records stay in the ring's tail");
}

export function usage(what: string, fix: string): KeyturnError {
  return new KeyturnError("usage", what, { fix });
}
