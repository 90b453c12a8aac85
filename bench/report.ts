/** What was measured, as a table for people or as JSON lines. */

export interface Figure {
  readonly group: string;
  readonly case: string;
  readonly opsPerSecond: number | null;
  /** Of `opsPerSecond` to the group's case `raw`. */
  readonly ratio: number | null;
  /** What is measured where it is no rate. */
  readonly milliseconds?: number;
  readonly megabytes?: number;
  /** Of `megabytes`, relative to the first 10,000 operations. */
  readonly growth?: number;
  /** Least ratio, or most milliseconds, or most growth. */
  readonly target?: number;
}

export interface Group {
  readonly name: string;
  readonly run: (options: { readonly quick: boolean }) => Promise<Figure[]>;
}
