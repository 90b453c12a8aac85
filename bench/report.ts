/** What was measured, as a table for people or as JSON lines for programs. */

export interface Figure {
  readonly group: string;
  readonly case: string;
  readonly opsPerSecond: number | null;
  /** Of `opsPerSecond`, to the group's case `raw`. */
  readonly ratio: number | null;
  /** Of one operation, or of a stall. */
  readonly milliseconds?: number;
  /** On a core, for one request. */
  readonly cpuMicroseconds?: number;
  /** From sending a request to its whole answer, for half of them. */
  readonly p50Milliseconds?: number;
  readonly megabytes?: number;
  /** Of `megabytes`, relative to the case `raw`. */
  readonly growth?: number;
  /** Of a bundle, as it is sent. */
  readonly kilobytes?: number;
  /** That a server was asked. */
  readonly requests?: number;
  /** The least ratio; or, in a group that has none, the most of what it measures. */
  readonly target?: number;
  /** Other cases of the group that its rate is compared with. */
  readonly beside?: readonly Comparison[];
}

export interface Comparison {
  readonly case: string;
  /** How many times its rate there must be; where absent, it is told and not judged. */
  readonly atLeast?: number;
}

export interface Group {
  readonly name: string;
  /** @param options.quick as few samples as still show that it works; the figures mean nothing. */
  readonly run: (options: { readonly quick: boolean }) => Promise<Figure[]>;
  /** What a reader of the figures must know. */
  readonly note?: string;
}

/** A rate has the same four members in every line; groups add what else they measure. */
export function jsonLine(figure: Figure): string {
  const { group, case: name, opsPerSecond, ratio, cpuMicroseconds, p50Milliseconds } = figure;
  const line = {
    ...{ group, case: name, opsPerSecond: rounded(opsPerSecond, 2), ratio: rounded(ratio, 4) },
    ...(cpuMicroseconds === undefined ? {} : { cpuMicroseconds: rounded(cpuMicroseconds, 1) }),
    ...(p50Milliseconds === undefined ? {} : { p50Milliseconds: rounded(p50Milliseconds, 3) }),
  };
  if (ratio !== null) return JSON.stringify(line);
  const { milliseconds, megabytes, growth, kilobytes, requests, target } = figure;
  return JSON.stringify({
    ...line,
    ...(milliseconds === undefined ? {} : { milliseconds: rounded(milliseconds, 3) }),
    ...(megabytes === undefined ? {} : { megabytes: rounded(megabytes, 1) }),
    ...(growth === undefined ? {} : { growth: rounded(growth, 4) }),
    ...(kilobytes === undefined ? {} : { kilobytes: rounded(kilobytes, 2) }),
    ...(requests === undefined ? {} : { requests }),
    ...(target === undefined ? {} : { target }),
  });
}

/** @param judged whether to say which targets were met. */
export function table(figures: readonly Figure[], judged: boolean, note?: string): string {
  const width = Math.max(...figures.map((figure) => figure.case.length));
  const rows = figures.map(
    (figure) => `  ${figure.case.padEnd(width)}${measured(figure)}${judged ? verdict(figure) : ""}`,
  );
  const comparisons = figures.flatMap((figure) =>
    (figure.beside ?? []).map((other) => compared(figure, other, figures, judged)),
  );
  const said = note === undefined ? [] : [`  ${note}`];
  return [figures[0]?.group ?? "", ...rows, ...comparisons, ...said, ""].join("\n");
}

function measured(figure: Figure): string {
  const { opsPerSecond, ratio, milliseconds, megabytes, growth, kilobytes, requests } = figure;
  const { cpuMicroseconds, p50Milliseconds } = figure;
  const cells = [
    opsPerSecond === null ? "" : `${opsPerSecond.toFixed(0).padStart(9)} /s`,
    ratio === null ? "" : `${ratio.toFixed(3).padStart(8)} of raw`,
    cpuMicroseconds === undefined ? "" : `${cpuMicroseconds.toFixed(0).padStart(7)} µs CPU`,
    p50Milliseconds === undefined ? "" : `   p50 ${p50Milliseconds.toFixed(2)} ms`,
    milliseconds === undefined ? "" : `${milliseconds.toFixed(2).padStart(9)} ms`,
    megabytes === undefined ? "" : `${megabytes.toFixed(1).padStart(9)} MB`,
    growth === undefined ? "" : `   growth ${(100 * growth).toFixed(1)} %`,
    kilobytes === undefined ? "" : `${kilobytes.toFixed(2).padStart(9)} KB`,
    requests === undefined ? "" : `${String(requests).padStart(9)} requests`,
  ];
  return cells.join("");
}

function verdict({ ratio, milliseconds, growth, kilobytes, requests, target }: Figure): string {
  if (target === undefined) return "";
  if (ratio !== null) return `   target ≥ ${target.toFixed(2)}: ${ratio >= target ? "met" : "MISSED"}`;
  const value = growth ?? kilobytes ?? requests ?? milliseconds ?? Number.NaN;
  const most = growth === undefined ? target : 100 * target;
  const unit =
    growth !== undefined ? " %" : kilobytes !== undefined ? " KB" : requests !== undefined ? "" : " ms";
  return `   target ≤ ${most}${unit}: ${value <= target ? "met" : "MISSED"}`;
}

/** Both were measured between slices of `raw`, so that their ratios to it can be divided. */
function compared(
  { case: name, ratio }: Figure,
  { case: other, atLeast }: Comparison,
  figures: readonly Figure[],
  judged: boolean,
): string {
  const times =
    (ratio ?? Number.NaN) / (figures.find((figure) => figure.case === other)?.ratio ?? Number.NaN);
  const told = `  ${name}: ${times.toFixed(2)} × ${other}`;
  if (!judged || atLeast === undefined) return told;
  return `${told}   target ≥ ${atLeast.toFixed(2)}: ${times >= atLeast ? "met" : "MISSED"}`;
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
