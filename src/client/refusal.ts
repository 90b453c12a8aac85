/** The service's problem documents (RFC 9457) as errors of this process, as far as they can be trusted to be its. */
import { type ErrorCode, KeyturnError, type Problem } from "../errors.ts";

/** What a client's requests can be refused with. What the service says else is told as `service_refused`. */
const KNOWN: readonly ErrorCode[] = [
  "unauthenticated",
  "forbidden",
  "scope_exceeded",
  "claims_invalid",
  "claims_too_large",
  "lifetime_too_long",
  "request_invalid",
  "body_invalid",
  "fields_invalid",
  "body_too_large",
  "media_type_unsupported",
  "cross_origin",
  "not_found",
  "method_not_allowed",
  "api_token_unknown",
  "api_token_ended",
  "api_tokens_full",
  "conflict",
];

/** Statuses that say enough where something before the service answers in its own words. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: "unauthenticated",
  404: "not_found",
  405: "method_not_allowed",
  413: "body_too_large",
};

const TEXT_CHARACTERS_MAX = 1000;
const PROBLEMS_MAX = 20;

/** @param apiToken that was presented: a text that repeats it is not passed on */
export function refusalOf(status: number, body: unknown, apiToken: string): KeyturnError {
  const said = codeIn(body);
  const code = KNOWN.find((known) => known === said) ?? BY_STATUS[status] ?? "service_refused";
  const text = (value: unknown) => (isFit(value, apiToken) ? value : null);
  const { detail, fix, problems } = (body ?? {}) as Record<string, unknown>;
  const what =
    (code === said ? text(detail) : null) ??
    `The keyturn service refused the request (${[status, said].filter((part) => part !== null).join(" ")}).`;
  return new KeyturnError(code, what, {
    fix: (code === said ? text(fix) : null) ?? "Compare the request with the service's /openapi.json.",
    problems: code === said ? problemsIn(problems, apiToken) : [],
  });
}

/** The stable code of a problem document, as far as it can be one. */
export function codeIn(body: unknown): string | null {
  const { code } = (body ?? {}) as { code?: unknown };
  return typeof code === "string" && /^[a-z_]{1,40}$/.test(code) ? code : null;
}

function problemsIn(value: unknown, apiToken: string): Problem[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, PROBLEMS_MAX).flatMap((entry) => {
    const { code, at, message } = (entry ?? {}) as Record<string, unknown>;
    return [code, at, message].every((part) => isFit(part, apiToken))
      ? [{ code, at, message } as Problem]
      : [];
  });
}

/** For logs: of a sane length, on one line, and nobody's secret. */
function isFit(value: unknown, apiToken: string): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= TEXT_CHARACTERS_MAX &&
    !/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(value) &&
    !value.includes(apiToken)
  );
}
