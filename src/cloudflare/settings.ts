/** The settings of a deployment: vars of the same names as a server's environment, judged as a whole. */
import * as z from "zod";
import { KeyturnError, type Problem } from "../errors.ts";
import { ISSUER_SETTINGS, type IssuerSettings } from "../issuer-settings.ts";
import { POLICY_FIELDS, parsePolicy, policyProblems, type RotationPolicy } from "../ring/policy.ts";
import { listed, problemsOf } from "../schema.ts";
import { environmentName, settingFromText, unknownSetting } from "../setting-text.ts";
import { DEFAULT_RING } from "./object-reader.ts";
import type { Environment } from "./platform.ts";

const RING_EXPECTED = "Expected 1 to 64 letters, digits, dots, hyphens and underscores.";

const schema = z.object({
  ...ISSUER_SETTINGS,
  /** Name of the ring, which chooses its object. */
  ring: z
    .string({ error: RING_EXPECTED })
    .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: RING_EXPECTED })
    .default(DEFAULT_RING),
});

export interface EdgeConfig extends IssuerSettings {
  /** Name of the ring. */
  readonly ring: string;
  readonly policy: RotationPolicy;
}

const NAMES: readonly string[] = [...Object.keys(schema.shape), ...POLICY_FIELDS];

/** Bindings and secrets: no settings, and not looked into here. */
const BINDINGS: readonly string[] = [
  "KEYTURN_KEK",
  "KEYTURN_PREVIOUS_KEK",
  "KEYTURN_API_TOKEN",
  "KEYTURN_ADMIN_TOKEN",
  "KEYTURN_ANALYTICS",
] satisfies (keyof Environment)[];

/** What a deployment is told beside what all are. */
export interface MoreSettings<More> {
  readonly names: readonly string[];
  /** All problems of the given settings, or the settings completed. */
  parse(given: Readonly<Record<string, unknown>>): More | readonly Problem[];
}

const NO_MORE: MoreSettings<object> = { names: [], parse: () => ({}) };

/** @throws KeyturnError `config_invalid`, with every problem */
export function configOf(environment: Environment): EdgeConfig;
export function configOf<More extends object>(
  environment: Environment,
  more: MoreSettings<More>,
): EdgeConfig & More;
export function configOf(environment: Environment, more: MoreSettings<object> = NO_MORE): EdgeConfig {
  const known = new Map([...NAMES, ...more.names].map((name) => [environmentName(name), name]));
  const given: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith("KEYTURN_") || BINDINGS.includes(variable)) continue;
    const name = known.get(variable);
    if (name === undefined) problems.push(unknownSetting(variable, [...known.keys(), ...BINDINGS]));
    else given[name] = typeof value === "string" ? settingFromText(name, value) : value;
  }
  const policyInput = Object.fromEntries(
    Object.entries(given).filter(([name]) => POLICY_FIELDS.includes(name)),
  );
  const parsed = schema.safeParse(given);
  problems.push(...(parsed.success ? [] : problemsOf(parsed.error)), ...policyProblems(policyInput));
  const parsedMore = more.parse(given);
  if (Array.isArray(parsedMore)) problems.push(...(parsedMore as readonly Problem[]));
  if (problems.length > 0 || !parsed.success)
    throw new KeyturnError("config_invalid", `The settings cannot be used. ${listed(problems)}`, {
      fix: "Correct them under [vars] in wrangler.toml, each as KEYTURN_ and its name, and deploy again.",
      problems,
    });
  return { ...parsedMore, ...parsed.data, policy: parsePolicy(policyInput) };
}
