/** How every command is declared: strict options, the settings as flags, one way to open the ring. */
import { Command, Option } from "commander";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import { type Config, readConfig } from "../node/config.ts";
import { type OpenedRing, openConfigured } from "../node/open.ts";
import { SECRET_SETTINGS, SETTINGS } from "../node/settings.ts";
import { environmentName, flagName } from "../setting-text.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { printNote } from "./print.ts";

/** Options as commander hands them over: a text, or true for a switch. */
export type Options = Readonly<Record<string, string | boolean | undefined>>;

/** A command, with the examples that end its help: at least one. */
export function command(name: string, summary: string, ...examples: readonly [string, ...string[]]): Command {
  return new Command(name)
    .description(summary)
    .addOption(option("--config <file>", "configuration file"))
    .addHelpText("after", ["\nExamples:", ...examples.map((example) => `  ${example}`)].join("\n"));
}

/** An option that takes a text: not empty, and given once. */
export function option(flags: string, about: string): Option {
  const [flag] = flags.split(" ");
  return new Option(flags, about).argParser((text: string, before: string | undefined) => {
    if (before !== undefined) throw usage(`${flag} is given twice.`, "Give it once.");
    if (text.trim() === "") throw usage(`${flag} is empty.`, "Give it a value, or leave it out.");
    return text;
  });
}

/** Flags that people try. Refused by name, because the value of an unknown flag would be printed. */
function secretOption(setting: string): Option {
  const flag = flagName(setting);
  return new Option(`${flag} <value>`).hideHelp().argParser(() => {
    throw usage(
      `A secret does not belong on the command line, where every process can see it: ${flag}.`,
      `Replace it, put the new one into a file, and name that as ${flag}-file, or set ${environmentName(setting)}.`,
    );
  });
}

/** Adds every setting as a flag; shown in the command's help only where `listed`. */
export function withSettings(to: Command, listed: boolean): Command {
  for (const secret of SECRET_SETTINGS) to.addOption(secretOption(secret));
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
  const { config } = options;
  return readConfig(settingsIn(options), process.env, typeof config === "string" ? config : undefined);
}

/** The settings given as flags, as texts. */
export function settingsIn(options: Options): Readonly<Record<string, string>> {
  const flags = SETTINGS.flatMap(({ name }) => {
    const text = options[name];
    return typeof text === "string" ? [[name, text] as const] : [];
  });
  return Object.fromEntries(flags);
}

/** Opens the configured ring, does `work`, and sees the audit records home. */
export async function withRing<T>(
  options: Options,
  work: (manager: KeyManager, config: Config, opened: OpenedRing) => Promise<T>,
): Promise<T> {
  const config = await configOf(options);
  const opened = await openConfigured(config, {
    create: false,
    runs: "command",
    environment: process.env,
    onEvent: troubleNotes(),
  });
  try {
    return await work(opened.manager, config, opened);
  } finally {
    await opened.trail.settled();
  }
}

/** A command's log is its result; only what went wrong on the side is worth a word, once. */
export function troubleNotes(): OnEvent {
  let isTold = false;
  return (event) => {
    if (event.type !== "audit_failed" || isTold) return;
    isTold = true;
    const { error } = event;
    printNote("the audit log could not be written; the records stay in the ring's tail");
    if (isKeyturnError(error)) printNote(`${error.message}\n  → ${error.fix}`);
  };
}

export function usage(what: string, fix: string): KeyturnError {
  return new KeyturnError("usage", what, { fix });
}
