/**
 * Preloaded into a process, where libfaketime is not installed: the wall clock is off by as many
 * seconds as stand in the file that MOVED_CLOCK_FILE names. The monotonic clock goes on as it did.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const file = process.env["MOVED_CLOCK_FILE"] ?? "";
const RightDate = Date;

function movedNow(): number {
  return RightDate.now() + Number(readFileSync(file, "utf8")) * 1000;
}

globalThis.Date = new Proxy(RightDate, {
  construct: (target, parts, newTarget) =>
    Reflect.construct(target, parts.length === 0 ? [movedNow()] : parts, newTarget) as object,
  get: (target, name, receiver) => (name === "now" ? movedNow : Reflect.get(target, name, receiver)),
});
