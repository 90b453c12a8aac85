/** Input that nobody thought of, at every door: an answer or a refusal in words, and nothing else. */
import { adminRows } from "../fuzz/admin.ts";
import { argumentRows } from "../fuzz/arguments.ts";
import { documentRows } from "../fuzz/documents.ts";
import { httpRows } from "../fuzz/http.ts";
import { keyFileRows } from "../fuzz/key-files.ts";
import { publishedKeyRows } from "../fuzz/published-keys.ts";
import { type Extent, runsOf } from "../fuzz/search.ts";
import { settingRows } from "../fuzz/settings.ts";
import { socketRows } from "../fuzz/sockets.ts";
import { tokenBookRows } from "../fuzz/token-books.ts";
import type { Row, Section } from "./section.ts";

/** Of each kind of input. */
const RUNS = 10_000;

/** Each kind of input by its name. */
export const FUZZED: Readonly<Record<string, (extent: Extent) => Promise<Row[]>>> = {
  requests: httpRows,
  "requests to the control plane": adminRows,
  "bytes at a socket": socketRows,
  settings: settingRows,
  "published keys": publishedKeyRows,
  "stored documents": documentRows,
  "stored books of API tokens": tokenBookRows,
  "key files to import": keyFileRows,
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
