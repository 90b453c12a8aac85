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

/** Of a short name hardly anything would be left: `foo` is not a mistyped `alg`. */
const NEAREST_PART = 3;

/** ` Did you mean "overlapSeconds"?`, or nothing when no known name is near. Case is no difference. */
export function didYouMean(name: string, known: readonly string[]): string {
  const byLowerCase = new Map(known.map((entry) => [entry.toLowerCase(), entry]));
  const nearest = closest(name.toLowerCase(), [...byLowerCase.keys()]);
  const limit = Math.min(NEAREST_DISTANCE_MAX, Math.ceil(name.length / NEAREST_PART));
  if (!byLowerCase.has(nearest) || distance(name.toLowerCase(), nearest) > limit) return "";
  return ` Did you mean "${byLowerCase.get(nearest)}"?`;
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
