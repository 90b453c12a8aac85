/** A process that commits and is killed at one call: `killed-commit.ts <folder> <document> <before|after> <number>`. */
import process from "node:process";
import { fileStore } from "../../src/store/file.ts";
import { type Call, hookedIo } from "./hooked-io.ts";

const [folder = "", document = "", when = "", number = ""] = process.argv.slice(2);

function kill(call: Call): void {
  if (call.number === Number(number)) process.kill(process.pid, "SIGKILL");
}

const revision = (await fileStore(folder).load())?.revision ?? null;
const io = hookedIo(when === "before" ? { before: kill } : { after: kill });
await fileStore(folder, io).replace(document, revision);
