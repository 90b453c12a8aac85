/**
 * Settings as people write them, on the command line and in an environment: by which name, and what a text
 * there stands for. The same wherever keyturn runs.
 */
import type { Problem } from "./errors.ts";
import { POLICY_FIELDS } from "./ring/policy.ts";
import { didYouMean } from "./schema.ts";

/** Settings whose text stands for a number, a switch or nothing. */
const NUMBERS: readonly string[] = [
  ...POLICY_FIELDS.filter((name) => name.endsWith("Seconds") || name === "rsaBits"),
  "writesEverySeconds",
];
const SWITCHES = ["standby", "probe"];
const OPTIONAL = [
  "previousKekFile",
  "auditUrl",
  "auditTokenFile",
  "jwksUrl",
  "overlapSeconds",
  "secretId",
  "apiTokensSecretId",
  "awsRegion",
  "awsEndpoint",
  "writesEverySeconds",
  "kekSecretId",
  "kmsKeyId",
];

/** A setting's value from its text. What does not convert stays text, for the schema to refuse by name. */
export function settingFromText(name: string, text: string): unknown {
  if (NUMBERS.includes(name) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (SWITCHES.includes(name) && /^(true|false)$/.test(text)) return text === "true";
  if (OPTIONAL.includes(name) && text === "none") return null;
  return text;
}

/** `jwksCacheSeconds` → `KEYTURN_JWKS_CACHE_SECONDS`. */
export function environmentName(setting: string): string {
  return `KEYTURN_${kebab(setting).replaceAll("-", "_").toUpperCase()}`;
}

/** `jwksCacheSeconds` → `--jwks-cache-seconds`. */
export function flagName(setting: string): string {
  return `--${kebab(setting)}`;
}

/** The refusal of a name that is none of `known`, with the nearest of them. */
export function unknownSetting(name: string, known: readonly string[]): Problem {
  return {
    code: "unknown_setting",
    // A slip of the pen can put a value where a name belongs, and the value may be a secret.
    at: /^[A-Za-z_]{1,40}$/.test(name) ? name : "(a name that is not shown)",
    message: `There is no such setting.${didYouMean(name, known)}`,
  };
}

function kebab(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
