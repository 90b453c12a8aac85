/** `init`: everything a node needs, made once and never over anything that is there. */
import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { CONFIG_FILES } from "../node/config.ts";
import { openConfigured } from "../node/open.ts";
import { SETTINGS } from "../node/settings.ts";
import { placeOf } from "../node/store.ts";
import { environmentName, settingFromText } from "../setting-text.ts";
import {
  command,
  configOf,
  type Options,
  settingsIn,
  troubleNotes,
  withJson,
  withSettings,
} from "./command.ts";
import { importedBy, withImport } from "./import-options.ts";
import { printNote, printResult } from "./print.ts";

export function initCommand(): Command {
  const declared = command(
    "init",
    "create KEK, API token, ring and a commented keyturn.yaml",
    "keyturn init",
    "keyturn init --issuer https://auth.example.com --folder /var/lib/keyturn",
    "keyturn init --import signing-key.pem --import-kid 2026-a --import-created-at 2026-03-01",
  );
  return withSettings(withImport(withJson(declared)), false).action(async (options: Options) => {
    const config = await configOf(options);
    const imported = await importedBy(options, config);
    const opened = await openConfigured(config, {
      create: true,
      runs: "command",
      environment: process.env,
      onEvent: troubleNotes(),
    });
    await opened.trail.settled();
    const given = settingsIn(options);
    const written = config.file === null ? await writeSettingsFile(given) : null;
    if (config.file !== null && Object.keys(given).length > 0)
      printNote(`the flags are not in ${config.file}; unless you write them there, give them every time`);
    const { ring, generation, emitter } = opened.manager.status();
    const made = [...(imported?.created ?? []), ...opened.created, ...(written === null ? [] : [written])];
    const place = placeOf(config);
    const { secretId } = config;
    printResult(
      { ring, generation, emitter, ...(secretId === null ? { folder: place } : { secretId }), made },
      options["json"] === true,
      () =>
        [
          opened.ringCreated || imported?.ringCreated
            ? `Ring ${ring} is in ${place}; ${emitter} emits.`
            : `Ring ${ring} was there already.`,
          ...made.map((path) => `Made ${path}`),
          "Next: keyturn serve",
        ].join("\n"),
    );
  });
}

/** Every setting: as given, else commented out at its default, which changes nothing until somebody means it. */
export function settingsFile(given: Readonly<Record<string, string>> = {}): string {
  const settings = SETTINGS.map(({ name, default: fallback, about }) => {
    const text = given[name];
    // JSON is YAML, and its quotes keep a * or a # from meaning something.
    const value = JSON.stringify(settingFromText(name, text ?? fallback));
    const line = `${text === undefined ? "# " : ""}${name}: ${value}`;
    return `# ${about}\n# In the environment: ${environmentName(name)}\n${line}\n`;
  });
  return `# keyturn: every setting with its default. Flags win over the environment, which wins over this file.\n\n${settings.join("\n")}`;
}

async function writeSettingsFile(given: Readonly<Record<string, string>>): Promise<string | null> {
  const [file] = CONFIG_FILES;
  try {
    await writeFile(file, settingsFile(given), { flag: "wx" });
    return file;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another init was quicker; or this folder cannot be written to, and the ring lies elsewhere.
    if (code !== "EEXIST") printNote(`${file} was not written (${code}); it is not needed to go on`);
    return null;
  }
}
