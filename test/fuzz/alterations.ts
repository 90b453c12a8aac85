/** Texts and JSON values that are almost what somebody once wrote. */
import fc from "fast-check";

/** `text` with one place changed: a byte overwritten, put in, taken out, doubled; or a piece cut off. */
export function alteredText(text: string): fc.Arbitrary<string> {
  const at = fc.nat(Math.max(0, text.length - 1));
  const piece = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 2 }),
    fc.constantFrom("0", "9", "A", "_", "-", ",", "}", "{", '"', "null", "\n", "\u0000", "\ufeff", " "),
  );
  return fc.oneof(
    fc.tuple(at, piece).map(([i, put]) => text.slice(0, i) + put + text.slice(i + 1)),
    fc.tuple(at, piece).map(([i, put]) => text.slice(0, i) + put + text.slice(i)),
    fc.tuple(at, fc.nat(40)).map(([i, length]) => text.slice(0, i) + text.slice(i + length)),
    fc.tuple(at, fc.nat(40)).map(([i, length]) => text.slice(0, i + length) + text.slice(i)),
    at.map((i) => text.slice(0, i)),
    at.map((i) => text.slice(i)),
  );
}

type Path = readonly (string | number)[];

/** Where anything stands in a JSON value, the whole of it first. */
function pathsIn(value: unknown): Path[] {
  const inside =
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([name, member]) =>
          pathsIn(member).map((path): Path => [name, ...path]),
        )
      : [];
  return [[], ...inside];
}

/** `value` with one or more of its members changed, taken out, doubled or exchanged. */
export function alteredJson<T>(
  value: T,
  odd: fc.Arbitrary<unknown> = oddValues,
  changesMax = 3,
): fc.Arbitrary<unknown> {
  const paths = fc.constantFrom(...pathsIn(value).slice(1));
  const change = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(paths, odd).map(([path, put]) => replacing(path, () => put)) },
    { weight: 4, arbitrary: fc.tuple(paths, nudges).map(([path, nudge]) => replacing(path, nudge)) },
    { weight: 2, arbitrary: paths.map(removing) },
    { weight: 2, arbitrary: fc.tuple(paths, paths).map(([to, from]) => copying(to, from)) },
    { weight: 1, arbitrary: paths.map(doubling) },
  );
  return fc.array(change, { minLength: 1, maxLength: changesMax }).map((changes) =>
    changes.reduce((altered, one) => {
      const copy = structuredClone(altered);
      one(copy);
      return copy;
    }, value as unknown),
  );
}

export const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1.5, 1e21, 2 ** 53, "", [], {}, [null], "null"),
  fc.jsonValue({ maxDepth: 2 }),
);

type Change = (root: unknown) => void;

/** What is almost the same, and so gets past whoever looks only at the form. */
const nudges: fc.Arbitrary<(value: unknown) => unknown> = fc.oneof(
  fc
    .integer({ min: -100, max: 100 })
    .map((by) => (value: unknown) => (typeof value === "number" ? value + by : value)),
  fc
    .integer({ min: -2e9, max: 6e9 })
    .map((by) => (value: unknown) => (typeof value === "number" ? value + by : value)),
  fc.nat().map((at) => (value: unknown) => (typeof value === "string" ? flipped(value, at) : value)),
  fc.constant((value: unknown) => (typeof value === "boolean" ? !value : value)),
  fc.constant((value: unknown) => (value === null ? 1_800_000_000 : null)),
);

function flipped(text: string, at: number): string {
  const i = text.length === 0 ? 0 : at % text.length;
  return text.slice(0, i) + (text[i] === "A" ? "B" : "A") + text.slice(i + 1);
}

function holderOf(root: unknown, path: Path): Record<string | number, unknown> | null {
  let holder: unknown = root;
  for (const name of path.slice(0, -1)) holder = (holder as Record<string, unknown> | null)?.[name];
  return typeof holder === "object" ? (holder as Record<string, unknown> | null) : null;
}

function replacing(path: Path, by: (value: unknown) => unknown): Change {
  return (root) => {
    const holder = holderOf(root, path);
    const name = path.at(-1);
    if (holder !== null && name !== undefined && name in holder) holder[name] = by(holder[name]);
  };
}

function removing(path: Path): Change {
  return (root) => {
    const holder = holderOf(root, path);
    if (Array.isArray(holder)) holder.splice(Number(path.at(-1)), 1);
    else if (holder !== null) delete holder[path.at(-1) as string];
  };
}

function copying(to: Path, from: Path): Change {
  return (root) => {
    const source = holderOf(root, from)?.[from.at(-1) as string];
    replacing(to, () => structuredClone(source))(root);
  };
}

function doubling(path: Path): Change {
  return (root) => {
    const holder = holderOf(root, path);
    const value = holder?.[path.at(-1) as string];
    if (Array.isArray(holder)) holder.push(structuredClone(value));
    else if (holder !== null) holder[`${path.at(-1)}2`] = value;
  };
}
