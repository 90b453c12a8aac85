/** One part of the proof, as `npm run prove` runs it in full and `npm test` in a small share. */

export interface Section {
  /** What is proved, in a few words: the heading of its rows. */
  readonly title: string;
  /** @param share of the full run, in (0, 1]; @param seed from which everything random follows */
  run(options: { readonly share: number; readonly seed: number }): Promise<Row[]>;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  /** Whether it is as promised. */
  readonly ok: boolean;
}
