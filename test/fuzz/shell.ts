/** The built command line in a process of its own that runs one command after the other. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Spoken } from "./command-lines.ts";

/** `npm test` and `npm run prove` build it first. */
export const MAIN = resolve("dist/cli/main.js");

export interface Shell {
  /** @param environment all that begins with `KEYTURN_` */
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Spoken>;
  close(): void;
}

/** @param onCry told what the process says past the program: warnings, and why it ends */
export function openShell(cwd: string, onCry: (cry: string) => void = () => {}): Shell {
  const child = fork(fileURLToPath(new URL("command-lines.ts", import.meta.url)), [MAIN], {
    cwd,
    env: environmentWith({}),
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: [],
  });
  let cries = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    cries += chunk;
    onCry(chunk);
  });
  const crashed = once(child, "exit").then(([status, signal]): never => {
    throw new Error(`The process ended (${status ?? signal}). ${cries}`);
  });
  crashed.catch(() => undefined);
  return {
    async run(args, environment = {}) {
      child.send({ args, environment });
      const [spoken] = (await Promise.race([once(child, "message"), crashed])) as [Spoken];
      return spoken;
    },
    close: () => void child.kill("SIGKILL"),
  };
}

/** The environment of whoever runs the tests, without any setting of theirs. */
export function environmentWith(more: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const clean = Object.entries(process.env).filter(([name]) => !/^(KEYTURN_|NODE_|VITEST)/.test(name));
  return { ...Object.fromEntries(clean), ...more };
}
