/**
 * A process that, told a document, loads the ring in its folder, commits the document on it, and
 * says how that went: `committing.ts <folder>`.
 */
import process from "node:process";
import { fileStore } from "../../src/store/file.ts";
import { codeOf } from "../store/hooked-io.ts";

const [folder = ""] = process.argv.slice(2);
const store = fileStore(folder);

process.on("message", async (document: string) => {
  const commit = async () => store.replace(document, (await store.load())?.revision ?? null);
  process.send?.(await codeOf(commit()));
});

// What a load needs is in place before the commit is looked at, the thread that makes its calls above all.
await store.load();
process.send?.("ready");
