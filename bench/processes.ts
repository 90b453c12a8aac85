/** Child processes for servers and load, each on a core of its own where the system can pin them. */
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

export type Core = "server" | "load";

/** None of them outlives the benchmark, however that ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const PINNED = process.platform === "linux" ? usableCores() : [];

/** Starts a module of ours, or of the built package, in a process of its own. */
export function start(
  module: URL,
  core: Core,
  args: readonly string[] = [],
  cwd = process.cwd(),
): ChildProcess {
  const cpu = PINNED[core === "server" ? 0 : 1];
  const pinned = cpu === undefined ? {} : { execPath: "taskset", execArgv: ["-c", cpu, process.execPath] };
  const child = fork(module, args, {
    ...pinned,
    cwd,
    stdio: ["ignore", "pipe", "ignore", "ipc"],
  });
  return watched(child);
}

/** Starts a program that tells on its descriptor 3 how it fares; what else it says is not read. */
export function startProgram(program: string, core: Core, args: readonly string[]): ChildProcess {
  const cpu = PINNED[core === "server" ? 0 : 1];
  const pinned: [string, string[]] = cpu === undefined ? [program, []] : ["taskset", ["-c", cpu, program]];
  const [command, first] = pinned;
  return watched(spawn(command, [...first, ...args], { stdio: ["ignore", "ignore", "ignore", "pipe"] }));
}

function watched(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Asks it to end, and waits until it has. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill();
  await ended;
}

/** The next message of a child, or an error if it ends instead. */
export async function reply<T>(child: ChildProcess): Promise<T> {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    const message = once(child, "message", { signal }).then(([first]) => first as T);
    const exit = once(child, "exit", { signal }).then(([code]): never => {
      throw new Error(`A process of the benchmark ended with code ${code}: ${child.spawnargs.join(" ")}`);
    });
    return await Promise.race([message, exit]);
  } finally {
    waiting.abort();
  }
}

/** Two cores that this process may use; none when there are not two, or no taskset. */
function usableCores(): string[] {
  const answer = spawnSync("taskset", ["-cp", String(process.pid)], { encoding: "utf8" });
  const list = answer.stdout?.split(":").at(-1)?.trim() ?? "";
  const cores = list.split(",").flatMap((range) => {
    const [first = "", last = first] = range.split("-");
    return first === "" ? [] : numbers(Number(first), Number(last)).map(String);
  });
  return cores.length < 2 ? [] : cores.slice(0, 2);
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
