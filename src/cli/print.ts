/**
 * How the command line speaks. Results go to stdout, as text or with --json as one JSON value;
 * everything else goes to stderr, behind `keyturn: `, in lower case like the shell's own words.
 */
import { isKeyturnError, type KeyturnError } from "../errors.ts";

/** Writes a result. `text` is only made when it is wanted. */
export function printResult(value: unknown, json: boolean, text: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : `${text()}\n`);
}

export function printNote(text: string): void {
  process.stderr.write(`keyturn: ${text}\n`);
}

/** The error with its code, every problem on a line of its own, and what to do. */
export function printFailure(error: unknown): void {
  process.stderr.write(`${isKeyturnError(error) ? described(error) : unexpected(error)}\n`);
}

function described({ code, message, problems, fix }: KeyturnError): string {
  // The message lists the problems too, for logs; here each has its line.
  const what = problems.length === 0 ? message : message.slice(0, message.indexOf(". ") + 1) || message;
  const lines = problems.map((problem) => `  ${problem.at}: ${problem.message}`);
  return [`keyturn: ${what} [${code}]`, ...lines, `  → ${fix}`].join("\n");
}

function unexpected(error: unknown): string {
  const stack = error instanceof Error ? error.stack : String(error);
  return `keyturn: something went wrong inside keyturn; please report it [internal]\n${stack}`;
}

/** `2026-11-21 06:25:18 UTC`. */
export function formatInstant(instant: number): string {
  return `${new Date(instant * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Enough of a kid to tell it from the others; the whole one is in --json and works everywhere. */
export function shortKid(kid: string): string {
  return kid.length <= SHORT_KID_LENGTH ? kid : `${kid.slice(0, SHORT_KID_LENGTH)}…`;
}

const SHORT_KID_LENGTH = 12;
