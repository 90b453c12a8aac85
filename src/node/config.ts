/**
 * The configuration of a node: flags over environment over file over defaults. Strict, and all
 * problems at once. Secrets come from files or the environment only, and are never printed back.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Document, parseDocument, type YAMLError } from "yaml";
import { KeyturnError, type Problem } from "../errors.ts";
import { POLICY_FIELDS, parsePolicy, policyProblems, type RotationPolicy } from "../ring/policy.ts";
import { listed } from "../schema.ts";
import { environmentName, settingFromText, unknownSetting } from "../setting-text.ts";
import { parseNodeSettings } from "./node-settings.ts";
import { SECRET_SETTINGS, SETTING_NAMES, type Settings } from "./settings.ts";

export interface Config extends Settings {
  readonly policy: RotationPolicy;
  /** The configuration file that was read, or null. */
  readonly file: string | null;
}

/** Where the file store keeps the generations of the ring. */
export function ringFolder({ folder }: Pick<Settings, "folder">): string {
  return join(folder, "ring");
}

/** Looked for in the working directory when no file is named. */
export const CONFIG_FILES = ["keyturn.yaml", "keyturn.json"] as const;

/** Environment variables that hold secrets rather than settings; node/secrets.ts reads them. */
export const SECRET_VARIABLES = [
  "KEYTURN_KEK",
  "KEYTURN_PREVIOUS_KEK",
  "KEYTURN_API_TOKEN",
  "KEYTURN_AUDIT_TOKEN",
] as const;

/** The variable that names the configuration file. */
const FILE_VARIABLE = "KEYTURN_CONFIG";

/** What Kubernetes and Docker put into every container's environment beside a service named keyturn. */
const SERVICE_LINK = /^KEYTURN_(SERVICE_(HOST|PORT)\w*|PORT(_\d+_[A-Z]+\w*)?)$/;

/**
 * @param flags settings from the command line, by name.
 * @throws KeyturnError `config_not_found`, `config_parse`, `config_invalid`
 */
export async function readConfig(
  flags: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
  configFile?: string,
): Promise<Config> {
  const named = configFile ?? environment[FILE_VARIABLE];
  const file = named ?? CONFIG_FILES.find((name) => existsSync(name)) ?? null;
  const fromFile = file === null ? {} : await readSettings(file);
  const { settings: fromEnvironment, problems } = environmentSettings(environment);
  const fromFlags = Object.fromEntries(
    Object.entries(flags).map(([name, text]) => [name, settingFromText(name, text)]),
  );
  return { ...complete({ ...fromFile, ...fromEnvironment, ...fromFlags }, problems), file };
}

async function readSettings(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code ?? "the system refused";
    throw new KeyturnError("config_not_found", `The configuration file "${file}" cannot be read (${why}).`, {
      fix: "Check its path and permissions, or write one with `keyturn init`.",
      cause,
    });
  });
  // JSON is YAML (YAML 1.2.2 section 1.3), so one strict parser serves both.
  const document = parseDocument(text, { uniqueKeys: true, strict: true, stringKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw unparsable(file, `is not valid YAML or JSON${described(error)}`);
  const settings = valueIn(document, file) ?? {};
  if (typeof settings !== "object" || Array.isArray(settings)) {
    throw unparsable(file, "does not hold settings by name");
  }
  return settings as Record<string, unknown>;
}

function valueIn(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch {
    // Aliases are resolved only here, and the message would quote them.
    throw unparsable(file, "has an alias that leads nowhere, or to too much");
  }
}

/** The parser's own message quotes the line, and the line may hold a secret: only its place and kind are told. */
function described({ linePos, code }: YAMLError): string {
  const [place] = linePos ?? [];
  const where = place === undefined ? "" : ` at line ${place.line}, column ${place.col}`;
  return `${where} (${code.toLowerCase().replaceAll("_", " ")})`;
}

function unparsable(file: string, how: string): KeyturnError {
  return new KeyturnError("config_parse", `${file} ${how}.`, {
    fix: "Write one setting per line, like: tokenSeconds: 900",
  });
}

function environmentSettings(environment: Readonly<Record<string, string | undefined>>) {
  const settings: Record<string, unknown> = {};
  const problems: Problem[] = [];
  const known = new Map(SETTING_NAMES.map((name) => [environmentName(name), name]));
  const allowed: readonly string[] = [...SECRET_VARIABLES, FILE_VARIABLE];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith("KEYTURN_") || text === undefined) continue;
    if (allowed.includes(variable) || SERVICE_LINK.test(variable)) continue;
    const name = known.get(variable);
    if (name !== undefined) settings[name] = settingFromText(name, text);
    else problems.push(unknownSetting(variable, [...known.keys(), ...allowed]));
  }
  return { settings, problems };
}

function complete(
  given: Record<string, unknown>,
  found: readonly Problem[],
): Settings & { policy: RotationPolicy } {
  const policyInput = pick(given, (name) => POLICY_FIELDS.includes(name));
  const rest = pick(given, (name) => !POLICY_FIELDS.includes(name));
  const unknown = Object.keys(rest).filter((name) => !SETTING_NAMES.includes(name));
  const node = parseNodeSettings(pick(rest, (name) => !unknown.includes(name)));
  const problems = [
    ...found,
    ...unknown.map((name) =>
      SECRET_SETTINGS.includes(name) ? inlineSecret(name) : unknownSetting(name, SETTING_NAMES),
    ),
    ...(Array.isArray(node) ? node : []),
    ...policyProblems(policyInput),
  ];
  if (problems.length > 0 || Array.isArray(node)) {
    throw new KeyturnError("config_invalid", `The configuration cannot be used. ${listed(problems)}`, {
      fix: "Change the settings named; `keyturn init` writes a file that explains each.",
      problems,
    });
  }
  const policy = parsePolicy(policyInput);
  return { ...policy, ...node, policy };
}

function inlineSecret(name: string): Problem {
  const message = `A secret does not belong in a configuration. Put it into a file and name that as ${name}File.`;
  return { code: "secret_inline", at: name, message };
}

function pick(from: Record<string, unknown>, wanted: (name: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => wanted(name)));
}
