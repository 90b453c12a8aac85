/**
 * From the schema validator's findings to problems that a person can act on: where, what was
 * expected, and for an unknown name the nearest known one. Received values are never repeated:
 * any of them may be a secret.
 */
import { closest, distance } from "fastest-levenshtein";
import type { z } from "zod";
import type { Problem } from "./errors.ts";

/** Typing mistakes are small; a name further off than this is no mistake but a misunderstanding. */
const NEAREST_DISTANCE_MAX = 4;

/** ` Did you mean "overlapSeconds"?`, or nothing when no known name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const nearest = closest(name.toLowerCase(), [...known]);
  return distance(name.toLowerCase(), nearest.toLowerCase()) <= NEAREST_DISTANCE_MAX
    ? ` Did you mean "${nearest}"?`
    : "";
}

/** All findings of a failed parse. `known` are the names that the object takes. */
export function problemsOf(error: z.ZodError, known: readonly string[] = []): Problem[] {
  return error.issues.flatMap((issue) => {
    const at = issue.path.map(String).join("/");
    if (issue.code !== "unrecognized_keys")
      return [{ code: "wrong_value", at: at || "/", message: issue.message }];
    return issue.keys.map((name) => ({
      code: "unknown_setting",
      at: at === "" ? name : `${at}/${name}`,
      message: `There is no "${name}" here.${didYouMean(name, known)}`,
    }));
  });
}

/** `a: …; b: …`, for messages that must fit on a line or two. */
export function listed(problems: readonly Problem[]): string {
  return problems.map((problem) => `${problem.at}: ${problem.message}`).join(" · ");
}
