/**
 * Where and why bytes are not strict JSON, for the person who sent them. Asked only of what
 * `parseStrictJson` has refused, so it may take its time; it goes through the text once, with no recursion.
 */
import type { Problem } from "../errors.ts";

/** A name longer than this is no member of any request of ours. It might be a secret in the wrong place. */
const NAME_SHOWN_MAX = 32;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What stands in JSON between the white space. */
const PARTS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** An object or a list that has begun, with the step that its pointer takes at this moment. */
interface Level {
  /** The names so far; null for a list. */
  readonly names: Set<string> | null;
  step: string | number;
}

/** The first thing wrong with it, with a JSON pointer (RFC 6901) to where. */
export function jsonFault(bytes: Uint8Array, depthMax: number): Problem {
  let text: string;
  try {
    text = utf8.decode(bytes);
    JSON.parse(text);
  } catch (error) {
    const isText = error instanceof SyntaxError;
    return problem("not_json", [], isText ? "It is not JSON." : "It is not UTF-8.");
  }
  return (
    faultWithin(text, depthMax) ?? problem("not_json", [], "It is not JSON that everyone reads the same.")
  );
}

function faultWithin(text: string, depthMax: number): Problem | null {
  const levels: Level[] = [];
  let expectsName = false;
  for (const [part] of text.matchAll(PARTS)) {
    const level = levels.at(-1);
    if (part === "{" || part === "[") {
      if (levels.length === depthMax)
        return problem("too_deep", levels, `It nests more than ${depthMax} levels deep.`);
      levels.push(part === "{" ? { names: new Set(), step: "" } : { names: null, step: 0 });
      expectsName = part === "{";
    } else if (part === "}" || part === "]") {
      levels.pop();
      expectsName = false;
    } else if (part === ",") {
      if (typeof level?.step === "number") level.step++;
      expectsName = level?.names != null;
    } else if (part === ":") {
      expectsName = false;
    } else if (part.startsWith('"')) {
      const value = JSON.parse(part) as string;
      if (expectsName && level?.names != null) {
        level.step = value;
        if (level.names.has(value)) return problem("duplicate_member", levels, "This member is there twice.");
        if (value === "__proto__") return problem("forbidden_name", levels, "No member may have this name.");
        level.names.add(value);
      }
      if (/\p{Surrogate}/u.test(value))
        return problem("broken_text", levels, "Half of a surrogate pair stands alone.");
    }
  }
  return null;
}

function problem(code: string, levels: readonly Level[], message: string): Problem {
  return { code, at: pointerTo(levels.map(({ step }) => step)), message };
}

/** RFC 6901, with `…` for names that had better not be repeated; `/` for the whole. */
export function pointerTo(steps: readonly (string | number | symbol)[]): string {
  return steps.length === 0 ? "/" : steps.map((step) => `/${shown(String(step))}`).join("");
}

/** The name, where it can be a name; else nothing of it, for it might be a token, or steer a terminal. */
export function shown(name: string): string {
  return name.length <= NAME_SHOWN_MAX && /^[\w.:-]+$/.test(name) ? name : "…";
}
