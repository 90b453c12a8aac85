/** Settings that an issuer has wherever it runs: what each may be, and what it is when left out. */
import * as z from "zod";
import { parseIssuer } from "./manager/manager.ts";

export const ISSUER_EXPECTED =
  "Expected an https URL without query and fragment, like https://auth.example.com; http on loopback only.";
const TYP_EXPECTED = "Expected a media type like JWT or at+jwt.";

const jwksUrl = z.url({ protocol: /^https?$/, error: "Expected an http(s) URL." });

export interface IssuerSettings {
  readonly issuer: string;
  readonly jwksUrl: string | null;
  readonly probe: boolean;
  readonly tokenTyp: string;
  readonly steps: "on" | "off";
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export const ISSUER_SETTINGS: { readonly [Name in keyof IssuerSettings]: z.ZodType<IssuerSettings[Name]> } = {
  issuer: z.string({ error: ISSUER_EXPECTED }).refine(isIssuer, { error: ISSUER_EXPECTED }),
  jwksUrl: jwksUrl.nullable().default(null),
  probe: z.boolean({ error: "Expected true or false." }).default(false),
  tokenTyp: z
    .string({ error: TYP_EXPECTED })
    .regex(/^[A-Za-z0-9.+-]{1,60}$/, { error: TYP_EXPECTED })
    .default("JWT"),
  steps: z.enum(["on", "off"], { error: "Expected on or off." }).default("on"),
  logLevel: z
    .enum(["debug", "info", "warn", "error"], { error: "Expected debug, info, warn or error." })
    .default("info"),
};

/** Whether tokens can bear it as their `iss`. */
export function isIssuer(text: string): boolean {
  try {
    return parseIssuer(text) === text;
  } catch {
    return false;
  }
}
