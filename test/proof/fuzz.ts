/** Input that nobody thought of, at every door: an answer or a refusal in words, and nothing else. */
import { argumentRows } from "../fuzz/arguments.ts";
import { documentRows } from "../fuzz/documents.ts";
import { httpRows } from "../fuzz/http.ts";
import { publishedKeyRows } from "../fuzz/published-keys.ts";
import { type Extent, runsOf } from "../fuzz/search.ts";
import { settingRows } from "../fuzz/settings.ts";
import { socketRows } from "../fuzz/sockets.ts";
import type { Row, Section } from "./section.ts";

/** Of each kind of input. */
const RUNS = 10_000;

/** Each kind of input by its name. */
export const FUZZED: Readonly<Record<string, (extent: Extent) => Promise<Row[]>>> = {
  requests: httpRows,
  "bytes at a socket": socketRows,
  settings: settingRows,
  "published keys": publishedKeyRows,
  "stored documents": documentRows,
  "command lines": argumentRows,
};

export const fuzzing: Section = {
  title: "Malformed input",
  async run({ share, seed }) {
    const extent = { runs: runsOf(RUNS, share), seed };
    // Side by side, because some of them wait for other processes and for sockets.
    const rows = await Promise.all(Object.values(FUZZED).map((rowsOf) => rowsOf(extent)));
    return rows.flat();
  },
};
