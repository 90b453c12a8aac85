/** A store as the simplest thing that keeps the contract, and commands that hold any store against it. */
import fc from "fast-check";
import { isKeyturnError } from "../../src/errors.ts";
import { DOCUMENT_BYTES_MAX, type RingStore, type Stored } from "../../src/store/store.ts";
import { assertSame } from "./agreement.ts";

/** Every document that was committed. Only the last counts. */
export type ModelStore = Stored[];

export interface RealStore {
  /** Handles on one place, as of several processes. */
  readonly handles: RingStore[];
  open(): RingStore;
}

type StoreCommand = fc.AsyncCommand<ModelStore, RealStore>;

const newest = (model: ModelStore): Stored | null => model.at(-1) ?? null;

export type Expectation = "newest" | "older" | "none" | "made up";

/** The revision that a caller names. */
function expectedOf(model: ModelStore, expectation: Expectation): string | null {
  if (expectation === "none") return null;
  if (expectation === "made up") return "1.not-a-revision";
  return (expectation === "newest" ? newest(model) : (model.at(-2) ?? null))?.revision ?? null;
}

/** When it was stored is the store's own to say. */
function undated(found: Stored | null): Stored | null {
  return found && { document: found.document, revision: found.revision };
}

const load = (handle: number): StoreCommand => ({
  check: () => true,
  toString: () => `load(${handle})`,
  async run(model, { handles }) {
    const found = await (handles[handle % handles.length] as RingStore).load();
    assertSame(undated(found), newest(model), "load");
  },
});

const replace = (handle: number, document: string, expectation: Expectation): StoreCommand => ({
  check: () => true,
  toString: () => `replace(${handle}, ${JSON.stringify(document.slice(0, 40))}, ${expectation})`,
  async run(model, { handles }) {
    const expected = expectedOf(model, expectation);
    const outcome = await (handles[handle % handles.length] as RingStore)
      .replace(document, expected)
      .catch((error: unknown) => ({ error }));
    const refusal = refusalOf(document, model, expected);
    if (typeof outcome !== "string") {
      assertSame(
        isKeyturnError(outcome.error) ? outcome.error.code : String(outcome.error),
        refusal,
        "replace",
      );
      return;
    }
    assertSame(null, refusal, "a commit that was taken");
    if (model.some(({ revision }) => revision === outcome)) throw new Error("Two commits have one revision.");
    model.push({ document, revision: outcome });
  },
});

function refusalOf(document: string, model: ModelStore, expected: string | null): string | null {
  if (document === "" || /\p{Surrogate}/u.test(document)) return "internal";
  if (Buffer.byteLength(document) > DOCUMENT_BYTES_MAX) return "store_full";
  return expected === (newest(model)?.revision ?? null) ? null : "conflict";
}

const open: StoreCommand = {
  check: () => true,
  toString: () => "open()",
  async run(_model, real) {
    if (real.handles.length < HANDLES_MAX) real.handles.push(real.open());
  },
};

const HANDLES_MAX = 4;

const documents = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }) },
  { weight: 2, arbitrary: fc.constantFrom("A", "B") },
  {
    weight: 1,
    arbitrary: fc.string({
      unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      maxLength: 8,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      "x".repeat(DOCUMENT_BYTES_MAX),
      "x".repeat(DOCUMENT_BYTES_MAX + 1),
      "é".repeat(DOCUMENT_BYTES_MAX / 2),
      "é".repeat(DOCUMENT_BYTES_MAX / 2 + 1),
    ),
  },
);
const expectations = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Expectation>("newest") },
  { weight: 3, arbitrary: fc.constantFrom<Expectation>("older", "none", "made up") },
);

export const storeCommands: fc.Arbitrary<StoreCommand>[] = [
  fc.nat({ max: 9 }).map(load),
  fc
    .tuple(fc.nat({ max: 9 }), documents, expectations)
    .map(([handle, document, expectation]) => replace(handle, document, expectation)),
  fc
    .tuple(fc.nat({ max: 9 }), documents, expectations)
    .map(([handle, document, expectation]) => replace(handle, document, expectation)),
  fc.constant(open),
];
