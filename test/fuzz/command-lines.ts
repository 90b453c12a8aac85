/**
 * The built command line, told by its parent which arguments to run, one list after the other in one
 * process: `command-lines.ts <main.js>`. Each time the whole program is loaded anew.
 */
import process from "node:process";
import { pathToFileURL } from "node:url";

export interface Told {
  readonly args: readonly string[];
  /** All that begins with `KEYTURN_`. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Spoken {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const [main = ""] = process.argv.slice(2);
let runs = 0;

// Every load of the program listens for a broken pipe.
process.stdout.setMaxListeners(0);
process.on("message", (told: Told) => void run(told).then((spoken) => process.send?.(spoken)));

async function run({ args, environment }: Told): Promise<Spoken> {
  const said = { stdout: "", stderr: "" };
  const restore = (["stdout", "stderr"] as const).map((name) => {
    const { write } = process[name];
    process[name].write = (text: string | Uint8Array) => {
      said[name] += String(text);
      return true;
    };
    return () => {
      process[name].write = write;
    };
  });
  for (const name of Object.keys(process.env)) if (name.startsWith("KEYTURN_")) delete process.env[name];
  Object.assign(process.env, environment);
  process.argv = [process.execPath, main, ...args];
  process.exitCode = 0;
  try {
    await import(`${pathToFileURL(main).href}?${++runs}`);
    return { status: Number(process.exitCode), ...said };
  } finally {
    for (const put of restore) put();
    process.exitCode = 0;
  }
}
