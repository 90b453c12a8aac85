/** One search for a counterexample, as a line of the table of proofs. */
import fc from "fast-check";
import type { Row } from "../proof/section.ts";

export interface Extent {
  readonly runs: number;
  readonly seed: number;
}

/** No example takes longer, so one that does hangs. */
const HANGS_AFTER_MILLISECONDS = 20_000;

/** Enough to know it by; seed and path bring the whole of it back. */
const EXAMPLE_LENGTH_MAX = 300;

/** @param counted what was counted on the way, for the figure: `412 opened` */
export async function searched<T>(
  what: string,
  property: fc.IAsyncPropertyWithHooks<T>,
  { runs, seed }: Extent,
  counted: () => string = () => "",
): Promise<Row> {
  const found = await fc.check(property, {
    numRuns: runs,
    seed,
    timeout: HANGS_AFTER_MILLISECONDS,
    markInterruptAsFailure: true,
  });
  const more = counted();
  if (!found.failed) return { what, figure: `${runs} runs${more === "" ? "" : `, ${more}`}`, ok: true };
  const because = found.errorInstance instanceof Error ? found.errorInstance.message : "it hangs";
  const example = fc.stringify(found.counterexample).slice(0, EXAMPLE_LENGTH_MAX);
  const where = `seed ${seed}, path ${found.counterexamplePath}`;
  return { what, figure: `${because.split("\n", 3).join(" ")} [${where}] ${example}`, ok: false };
}

/** At least one run, however small the share. */
export function runsOf(full: number, share: number): number {
  return Math.max(1, Math.round(full * share));
}
