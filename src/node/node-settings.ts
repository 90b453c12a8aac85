/** The settings that are no part of the policy: what each may be, and what it is when left out. */
import { join } from "node:path";
import cron from "node-cron";
import * as z from "zod";
import type { Problem } from "../errors.ts";
import { ISSUER_EXPECTED, ISSUER_SETTINGS, isIssuer } from "../issuer-settings.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import { problemsOf } from "../schema.ts";
import { SECRET_SETTINGS, secretsOf } from "../secret-settings.ts";
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

const LISTEN_EXPECTED = "Expected address:port, like 127.0.0.1:3000.";
const ADMIN_EXPECTED = "Expected same, off, address:port like 127.0.0.1:3001, or unix:/path/to/socket.";
const STORE_EXPECTED = "Expected file or aws-secrets-manager (short: aws).";
const SCHEDULE_EXPECTED = 'Expected a cron expression, like "* * * * *".';
const PORT_MAX = 65_535;

function isAddress(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) <= PORT_MAX;
}

const path = z.string({ error: "Expected a path." }).min(1, { error: "Expected a path, not an empty text." });

const schema = z.object({
  ...ISSUER_SETTINGS,
  // Left out, it is made of where the server listens.
  issuer: ISSUER_SETTINGS.issuer.optional(),
  listen: z
    .string({ error: LISTEN_EXPECTED })
    .refine(isAddress, { error: LISTEN_EXPECTED })
    .default("127.0.0.1:3000"),
  folder: path.default(".keyturn"),
  store: z
    .enum(["file", "aws", "aws-secrets-manager"], { error: STORE_EXPECTED })
    .transform((store) => (store === "aws" ? "aws-secrets-manager" : store))
    .default("file"),
  ...SECRET_SETTINGS,
  kekFile: path.optional(),
  previousKekFile: path.nullable().optional(),
  apiTokenFile: path.optional(),
  auditLog: path.optional(),
  auditUrl: z
    .url({ protocol: /^https?$/, error: "Expected an http(s) URL." })
    .nullable()
    .optional(),
  auditTokenFile: path.nullable().optional(),
  tickSchedule: z
    .string({ error: SCHEDULE_EXPECTED })
    .refine((expression) => cron.validate(expression), { error: SCHEDULE_EXPECTED })
    .default("* * * * *"),
  adminListen: z
    .string({ error: ADMIN_EXPECTED })
    .refine((text) => ["same", "off"].includes(text) || /^unix:.+/.test(text) || isAddress(text), {
      error: ADMIN_EXPECTED,
    })
    .default("same"),
});
