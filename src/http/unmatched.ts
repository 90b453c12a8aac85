/** What is answered where no route takes the request. Nothing of it is repeated. */
import type { Context } from "hono";
import { KeyturnError } from "../errors.ts";
import type { Operation } from "./operation.ts";
import { problemResponse } from "./problem.ts";

/** A path that exists, and the methods that it takes, as `Allow` lists them. */
export interface KnownPath {
  matches(path: string): boolean;
  readonly allow: string;
}

export function exactly(known: string, allow: string): KnownPath {
  return { matches: (path) => path === known, allow };
}

export function pathsOf(operations: readonly Operation[]): readonly KnownPath[] {
  return operations.map(({ path, method }) => {
    const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
    return { matches: (asked) => pattern.test(asked), allow: method === "GET" ? "GET, HEAD" : method };
  });
}

/** A path that exists, asked with a method that it does not take, says which ones it does (RFC 9110 section 15.5.6). */
export function unmatched(c: Context, paths: readonly KnownPath[]): Response {
  const known = paths.filter((one) => one.matches(c.req.path));
  if (known.length === 0) {
    return problemResponse(
      new KeyturnError("not_found", "There is nothing at this path.", { fix: "See README.md." }),
    );
  }
  const allow = [...new Set(known.map(({ allow }) => allow))].join(", ");
  const error = new KeyturnError("method_not_allowed", `${c.req.method} does not work here.`, {
    fix: `Use ${allow}.`,
  });
  return problemResponse(error, { Allow: allow });
}
