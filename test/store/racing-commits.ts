/** A process that, told `load`, loads the ring and, told a document, commits it on what it loaded. */
import process from "node:process";
import { fileStore } from "../../src/store/file.ts";
import { codeOf } from "./hooked-io.ts";

const [folder = ""] = process.argv.slice(2);
const store = fileStore(folder);
let revision: string | null = null;

process.on("message", async (message: string) => {
  if (message === "load") {
    revision = (await store.load())?.revision ?? null;
    process.send?.(revision);
  } else {
    process.send?.(await codeOf(store.replace(message, revision)));
  }
});
