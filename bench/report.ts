/** What was measured, as a table for people or as JSON lines for programs. */

export interface Figure {
  readonly group: string;
  readonly case: string;
  readonly opsPerSecond: number | null;
  /** Of `opsPerSecond`, to the group's case `raw`. */
  readonly ratio: number | null;
  /** Of one operation, or of a stall. */
  readonly milliseconds?: number;
  readonly megabytes?: number;
  /** Of `megabytes`, relative to the case `raw`. */
  readonly growth?: number;
  /** The least ratio; or, in a group that has none, the most milliseconds or growth. */
  readonly target?: number;
}

export interface Group {
  readonly name: string;
  /** @param options.quick as few samples as still show that it works; the figures mean nothing. */
  readonly run: (options: { readonly quick: boolean }) => Promise<Figure[]>;
}

/** A rate has the same four members in every line; other groups add what they measure. */
export function jsonLine(figure: Figure): string {
  const { group, case: name, opsPerSecond, ratio } = figure;
  const line = { group, case: name, opsPerSecond: rounded(opsPerSecond, 2), ratio: rounded(ratio, 4) };
  if (ratio !== null) return JSON.stringify(line);
  const { milliseconds, megabytes, growth, target } = figure;
  return JSON.stringify({
    ...line,
    ...(milliseconds === undefined ? {} : { milliseconds: rounded(milliseconds, 3) }),
    ...(megabytes === undefined ? {} : { megabytes: rounded(megabytes, 1) }),
    ...(growth === undefined ? {} : { growth: rounded(growth, 4) }),
    ...(target === undefined ? {} : { target }),
  });
}

/** @param judged whether to say which targets were met. */
export function table(figures: readonly Figure[], judged: boolean): string {
  const width = Math.max(...figures.map((figure) => figure.case.length));
  const rows = figures.map(
    (figure) => `  ${figure.case.padEnd(width)}${measured(figure)}${judged ? verdict(figure) : ""}`,
  );
  return [figures[0]?.group ?? "", ...rows, ""].join("\n");
}

function measured({ opsPerSecond, ratio, milliseconds, megabytes, growth }: Figure): string {
  const cells = [
    opsPerSecond === null ? "" : `${opsPerSecond.toFixed(0).padStart(9)} /s`,
    ratio === null ? "" : `${ratio.toFixed(3).padStart(8)} of raw`,
    milliseconds === undefined ? "" : `${milliseconds.toFixed(2).padStart(9)} ms`,
    megabytes === undefined ? "" : `${megabytes.toFixed(1).padStart(9)} MB`,
    growth === undefined ? "" : `   growth ${(100 * growth).toFixed(1)} %`,
  ];
  return cells.join("");
}

function verdict({ ratio, milliseconds, growth, target }: Figure): string {
  if (target === undefined) return "";
  if (ratio !== null) return `   target ≥ ${target.toFixed(2)}: ${ratio >= target ? "met" : "MISSED"}`;
  const value = growth ?? milliseconds ?? Number.NaN;
  const most = growth === undefined ? `${target} ms` : `${100 * target} %`;
  return `   target ≤ ${most}: ${value <= target ? "met" : "MISSED"}`;
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
