/**
 * Loads the product with pieces of it replaced, in this thread alone: for lean worlds, whose keys are
 * stand-ins, and for bugs that are planted. Nothing in src is touched; a patch that no longer fits
 * its module is an error, so that it cannot fade into a test that tests nothing.
 */
import { registerHooks } from "node:module";

/** One text in one module of src, and what stands there instead. */
export interface ModulePatch {
  readonly module: string;
  readonly find: string;
  readonly replace: string;
}

const SRC = new URL("../../src/", import.meta.url);
const STAND_IN_KEYS = new URL("./stand-in-keys.ts", import.meta.url).href;

/** In place of what the package's imports find in dist, which may be of another day. */
const OWN_IMPORTS: Readonly<Record<string, string>> = {
  "#signature": new URL("keys/signature.node.ts", SRC).href,
  "#signature-check": new URL("./counted-check.ts", import.meta.url).href,
};

const REPLACED_IN_LEAN = ["generate", "kek", "seal", "sealed-ring", "signer"];

/** Hashes that are only told apart, where nobody attacks the chain; and what a ring alone decides, found once for each. */
const LEAN_PATCHES: readonly ModulePatch[] = [
  {
    module: "ring/audit.ts",
    find: "sha256(canonicalize(draft) as string)",
    replace: "sha256(JSON.stringify(draft))",
  },
  {
    module: "ring/audit.ts",
    find: 'const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));',
    replace:
      "let a = 0x811c9dc5, b = 0x1b873593; for (let i = 0; i < text.length; i++) { const c = text.charCodeAt(i); " +
      "a = Math.imul(a ^ c, 0x01000193); b = Math.imul(b ^ c, 0x85ebca6b); }",
  },
  {
    module: "ring/audit.ts",
    find: "return base64url.encode(new Uint8Array(digest));",
    replace: 'return (a >>> 0).toString(36) + "." + (b >>> 0).toString(36);',
  },
  // With reasons as short as here, as many records as there may be fit into the tail.
  {
    module: "ring/audit.ts",
    find: "return new TextEncoder().encode(JSON.stringify(records)).length;",
    replace: "return records.length;",
  },
  remembered("ring/plan.ts", "upcoming"),
  remembered("ring/invariant.ts", "brokenRules"),
  remembered("manager/witness.ts", "holdsOf"),
];

/** A pure function of a ring that never changes, which every tick of every node asks for again. */
function remembered(module: string, name: string): ModulePatch {
  return {
    module,
    find: `function ${name}(ring: KeyRing)`,
    replace:
      `const found_${name} = new WeakMap(); function ${name}(ring) { let found = found_${name}.get(ring); ` +
      `if (found === undefined) found_${name}.set(ring, (found = find_${name}(ring))); return found; } ` +
      `function find_${name}(ring: KeyRing)`,
  };
}

export function patchModules(isLean: boolean, patches: readonly ModulePatch[]): void {
  const lean = new Map(
    (isLean ? REPLACED_IN_LEAN : []).map((name) => [new URL(`keys/${name}.ts`, SRC).href, STAND_IN_KEYS]),
  );
  const all = [...(isLean ? LEAN_PATCHES : []), ...patches];
  registerHooks({
    resolve(specifier, context, next) {
      const own = OWN_IMPORTS[specifier];
      if (own !== undefined) return { url: own, shortCircuit: true };
      const resolved = next(specifier, context);
      const instead = lean.get(resolved.url);
      return instead === undefined ? resolved : { ...resolved, url: instead };
    },
    load(url, context, next) {
      const loaded = next(url, context);
      const fitting = all.filter(({ module }) => new URL(module, SRC).href === url);
      if (fitting.length === 0) return loaded;
      const text = sourceText(loaded.source);
      return { ...loaded, source: fitting.reduce(patched, text) };
    },
  });
}

function patched(text: string, { module, find, replace }: ModulePatch): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`The patch of ${module} fits ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

function sourceText(source: unknown): string {
  if (typeof source === "string") return source;
  return new TextDecoder().decode(source as Uint8Array);
}
