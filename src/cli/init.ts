/** `init`: everything a node needs, made once and never over anything that is there. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { CONFIG_FILES, ringFolder } from "../node/config.ts";
import { openConfigured } from "../node/open.ts";
import { environmentName, SETTINGS } from "../node/settings.ts";
import { command, configOf, noteTrouble, type Options, withJson, withSettings } from "./command.ts";
import { printResult } from "./print.ts";

export function initCommand(): Command {
  return withSettings(
    withJson(command("init", "create KEK, API token, ring and a commented keyturn.yaml")),
    false,
  ).action(async (options: Options) => {
    const config = await configOf(options);
    const opened = await openConfigured(config, {
      create: true,
      environment: process.env,
      onEvent: noteTrouble,
    });
    await opened.audited();
    const written = config.file === null ? await writeSettingsFile() : null;
    const { ring, generation, emitter } = opened.manager.status();
    const made = [...opened.created, ...(written === null ? [] : [written])];
    printResult(
      { ring, generation, emitter, folder: ringFolder(config), made },
      options["json"] === true,
      () =>
        [
          generation === 1
            ? `Ring ${ring} is in ${ringFolder(config)}; ${emitter} emits.`
            : `Ring ${ring} was there already.`,
          ...made.map((path) => `Made ${path}`),
          "Next: keyturn serve",
        ].join("\n"),
    );
  });
}

/** Every setting, commented out at its default, so that the file changes nothing until somebody means it. */
export function settingsFile(): string {
  const settings = SETTINGS.map(({ name, default: fallback, about }) => {
    return `# ${about}\n# In the environment: ${environmentName(name)}\n# ${name}: ${fallback}\n`;
  });
  return `# keyturn: every setting with its default. Flags win over the environment, which wins over this file.\n\n${settings.join("\n")}`;
}

async function writeSettingsFile(): Promise<string | null> {
  const [file] = CONFIG_FILES;
  if (existsSync(file)) return null;
  await writeFile(file, settingsFile(), { flag: "wx" });
  return file;
}
