/** Managers and stores against models of them, one command after the other and all at once. */
import { type Extent, runsOf } from "../fuzz/search.ts";
import { fleetRaceRows } from "../model/fleet-races.ts";
import { fleetRows } from "../model/fleet-run.ts";
import { storeRows } from "../model/store-run.ts";
import type { Row, Section } from "./section.ts";

export interface Modelled {
  readonly what: string;
  /** In full: about half a minute of each. */
  readonly runs: number;
  rowsOf(extent: Extent): Promise<Row[]>;
}

export const MODELLED: readonly Modelled[] = [
  { what: "managers on one store", runs: 2000, rowsOf: fleetRows },
  { what: "managers that overtake one another", runs: 1500, rowsOf: fleetRaceRows },
  { what: "stores, alone and in races", runs: 600, rowsOf: storeRows },
];

export const models: Section = {
  title: "Models and races",
  async run({ share, seed }) {
    const rows: Row[] = [];
    for (const { runs, rowsOf } of MODELLED)
      rows.push(...(await rowsOf({ runs: runsOf(runs, share), seed })));
    return rows;
  },
};
