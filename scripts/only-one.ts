/** Two Workers on one folder of state would each be its only writer: the second one is told of the first. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { KeyturnError } from "../dist/errors.js";

export interface Place {
  /** Notes the group of processes that works for this one, which outlives it when it is killed. */
  note(group: number): void;
  /** Gives it up. */
  release(): void;
}

/**
 * @param file holds the id of the process that goes first, and on a second line that of its group
 * @throws KeyturnError `config_invalid` while another process has it
 */
export function onlyOne(file: string): Place {
  mkdirSync(dirname(file), { recursive: true });
  if (!taken(file)) {
    assertOver(file);
    writeFileSync(file, `${process.pid}\n`);
  }
  return {
    note: (group) => appendFileSync(file, `${group}\n`),
    release: () => rmSync(file, { force: true }),
  };
}

function taken(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

/** Whoever had the place was killed, and nothing that it has started is left. */
function assertOver(file: string): void {
  const [other = 0, group = 0] = readFileSync(file, "utf8").split("\n").map(Number);
  if (other > 0 && isAlive(other))
    throw new KeyturnError("config_invalid", `It runs already, as process ${other}.`, {
      fix: "Use that one, or stop it first: Ctrl-C where it runs.",
    });
  // Not ended unasked: the id may be another's by now.
  if (group > 0 && isAlive(-group))
    throw new KeyturnError("config_invalid", `It was killed, and its wrangler runs on, as group ${group}.`, {
      fix: `See that it is (ps -p ${group}), and end it: kill -9 -- -${group}; rm ${file}`,
    });
}

/** @param id of a process, or less than zero: of a group */
function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
