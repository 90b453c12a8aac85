/** The settings that are no part of the policy: what each may be, and what it is when left out. */
import { join } from "node:path";
import cron from "node-cron";
import { z } from "zod";
import type { Problem } from "../errors.ts";
import { parseIssuer } from "../manager/manager.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import { isSafeUrl } from "../safe-url.ts";
import { problemsOf } from "../schema.ts";
import { secretsOf } from "./secret-settings.ts";
import type { Settings } from "./settings.ts";

export type NodeSettings = Omit<Settings, keyof RotationPolicy>;

/** All problems of the given settings, or the settings completed. */
export function parseNodeSettings(given: Record<string, unknown>): NodeSettings | Problem[] {
  const parsed = schema.safeParse(given);
  if (!parsed.success) return problemsOf(parsed.error);
  const settings = parsed.data;
  const issuer = settings.issuer ?? defaultIssuer(settings.listen);
  const secrets = secretsOf(settings);
  const problems = [
    ...(isIssuer(issuer) ? [] : [issuerNeeded(settings.listen)]),
    ...(Array.isArray(secrets) ? secrets : []),
  ];
  if (problems.length > 0 || Array.isArray(secrets)) return problems;
  return {
    ...settings,
    ...secrets,
    issuer,
    writesEverySeconds: settings.writesEverySeconds ?? null,
    kekFile: settings.kekFile ?? join(settings.folder, "kek"),
    previousKekFile: settings.previousKekFile ?? null,
    apiTokenFile: settings.apiTokenFile ?? join(settings.folder, "api-token"),
    auditUrl: settings.auditUrl ?? null,
    auditTokenFile: settings.auditTokenFile ?? null,
    auditLog: settings.auditLog ?? join(settings.folder, "audit.jsonl"),
    jwksUrl: settings.jwksUrl ?? null,
  };
}

/** Good enough to try keyturn out on one machine. */
export function defaultIssuer(listen: string): string {
  return `http://${listen}`;
}

/** Other machines can reach this server, so an issuer on loopback would not do. */
function issuerNeeded(listen: string): Problem {
  const message = `A server on ${listen} needs one. ${ISSUER_EXPECTED}`;
  return { code: "issuer_needed", at: "issuer", message };
}

const ISSUER_EXPECTED =
  "Expected an https URL without query and fragment, like https://auth.example.com; http on loopback only.";
const LISTEN_EXPECTED = "Expected address:port, like 127.0.0.1:3000.";
const ADMIN_EXPECTED = "Expected same, off, address:port like 127.0.0.1:3001, or unix:/path/to/socket.";
const STORE_EXPECTED = "Expected file or aws-secrets-manager (short: aws).";
const WRITES_EXPECTED = "Expected a whole number of seconds, like 900; 0 where the store has no limit.";
const ENDPOINT_EXPECTED = "Expected an https URL, or http on this machine, without a password in it.";
const SCHEDULE_EXPECTED = 'Expected a cron expression, like "* * * * *".';
const PORT_MAX = 65_535;

function isAddress(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) <= PORT_MAX;
}

function isSafeEndpoint(text: string): boolean {
  return URL.canParse(text) && isSafeUrl(new URL(text));
}

function isIssuer(text: string): boolean {
  try {
    return parseIssuer(text) === text;
  } catch {
    return false;
  }
}

const KMS_KEY_EXPECTED = "Expected the id, ARN or alias of a KMS key, like alias/keyturn.";

/** A store that bears less than one commit a day could not follow an emergency. */
const WRITES_EVERY_SECONDS_MAX = 86_400;

const secret = z.string({ error: "Expected the name or the ARN of a secret." });
const path = z.string({ error: "Expected a path." }).min(1, { error: "Expected a path, not an empty text." });

const schema = z.object({
  issuer: z.string({ error: ISSUER_EXPECTED }).refine(isIssuer, { error: ISSUER_EXPECTED }).optional(),
  listen: z
    .string({ error: LISTEN_EXPECTED })
    .refine(isAddress, { error: LISTEN_EXPECTED })
    .default("127.0.0.1:3000"),
  folder: path.default(".keyturn"),
  store: z
    .enum(["file", "aws", "aws-secrets-manager"], { error: STORE_EXPECTED })
    .transform((store) => (store === "aws" ? "aws-secrets-manager" : store))
    .default("file"),
  secretId: secret.nullable().optional(),
  apiTokensSecretId: secret.nullable().optional(),
  awsRegion: z
    .string({ error: "Expected a region, like eu-central-1." })
    .regex(/^[a-z0-9-]{1,40}$/, { error: "Expected a region, like eu-central-1." })
    .nullable()
    .optional(),
  awsEndpoint: z
    .string({ error: ENDPOINT_EXPECTED })
    .refine(isSafeEndpoint, { error: ENDPOINT_EXPECTED })
    .nullable()
    .optional(),
  writesEverySeconds: z
    .int({ error: WRITES_EXPECTED })
    .min(0, { error: WRITES_EXPECTED })
    .max(WRITES_EVERY_SECONDS_MAX, { error: `Expected at most ${WRITES_EVERY_SECONDS_MAX} (a day).` })
    .nullable()
    .optional(),
  kekSecretId: secret.nullable().optional(),
  kmsKeyId: z
    .string({ error: KMS_KEY_EXPECTED })
    .regex(/^[A-Za-z0-9:/_-]{1,2048}$/, { error: KMS_KEY_EXPECTED })
    .nullable()
    .optional(),
  kekFile: path.optional(),
  previousKekFile: path.nullable().optional(),
  apiTokenFile: path.optional(),
  auditLog: path.optional(),
  auditUrl: z
    .url({ protocol: /^https?$/, error: "Expected an http(s) URL." })
    .nullable()
    .optional(),
  auditTokenFile: path.nullable().optional(),
  jwksUrl: z
    .url({ protocol: /^https?$/, error: "Expected an http(s) URL." })
    .nullable()
    .optional(),
  probe: z.boolean({ error: "Expected true or false." }).default(false),
  tokenTyp: z
    .string({ error: "Expected a media type like JWT or at+jwt." })
    .regex(/^[A-Za-z0-9.+-]{1,60}$/, { error: "Expected a media type like JWT or at+jwt." })
    .default("JWT"),
  tickSchedule: z
    .string({ error: SCHEDULE_EXPECTED })
    .refine((expression) => cron.validate(expression), { error: SCHEDULE_EXPECTED })
    .default("* * * * *"),
  steps: z.enum(["on", "off"], { error: "Expected on or off." }).default("on"),
  adminListen: z
    .string({ error: ADMIN_EXPECTED })
    .refine((text) => ["same", "off"].includes(text) || /^unix:.+/.test(text) || isAddress(text), {
      error: ADMIN_EXPECTED,
    })
    .default("same"),
  logLevel: z
    .enum(["debug", "info", "warn", "error"], { error: "Expected debug, info, warn or error." })
    .default("info"),
});
