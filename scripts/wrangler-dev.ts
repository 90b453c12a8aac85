/** `wrangler dev` as a child that is told when to end, and leaves nothing behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { KeyturnError } from "../dist/errors.js";

/** Of this machine alone: no account, nobody told, nothing fetched. */
const OFFLINE = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  // The banner would ask the registry for a newer one.
  WRANGLER_HIDE_BANNER: "true",
};

/** How long requests under way may take until it is ended by force. */
const STOP_SECONDS = 10;

export interface WranglerDev {
  /** Of its processes. */
  readonly group: number;
  /** Resolves once it answers. @throws KeyturnError `config_invalid` where it ends instead, with what it said */
  readonly ready: Promise<void>;
  /** What it writes from now on goes to this process's own output, after what it has written since it was ready. */
  show(): void;
  /** What it has written since it was ready and was not shown. */
  heard(): string;
  readonly ended: Promise<unknown>;
  /** Ends every process of it. */
  stop(): Promise<void>;
}

/** @param args for `wrangler dev` */
export function wranglerDev(args: readonly string[]): WranglerDev {
  const wrangler = fileURLToPath(new URL("bin/wrangler.js", import.meta.resolve("wrangler/package.json")));
  const child = spawn(process.execPath, [wrangler, "dev", ...args], {
    env: { ...process.env, ...OFFLINE },
    // A group of its own: Ctrl-C is for whoever started it to pass on, and reaches all of them then.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let lines: string[] = [];
  let write: ((line: string) => void) | null = null;
  const ended = once(child, "close");
  const ready = new Promise<void>((resolve, fail) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        if (write === null) lines.push(line);
        else write(line);
        if (!line.includes("Ready on http")) return;
        lines = [];
        resolve();
      });
    void ended.then(() => fail(endedEarly(lines)));
  });

  return {
    // Where there is none, `ended` says why.
    group: child.pid ?? 0,
    ready,
    ended,
    heard: () => lines.join("\n"),
    show() {
      write = (line) => process.stdout.write(`${line}\n`);
      for (const line of lines) write(line);
      lines = [];
    },
    async stop() {
      if (!signalled(child, "SIGINT")) return;
      const force = setTimeout(() => signalled(child, "SIGKILL"), STOP_SECONDS * 1000);
      await ended;
      clearTimeout(force);
      // Whoever still holds on when wrangler has gone has nothing left to answer.
      signalled(child, "SIGKILL");
    },
  };
}

/** @throws KeyturnError `config_invalid` where something else listens */
export async function expectFree(host: string, port: number): Promise<void> {
  const probe = createServer().listen(port, host);
  try {
    await once(probe, "listening");
  } catch (cause) {
    throw new KeyturnError("config_invalid", `Port ${port} of ${host} cannot be had: ${String(cause)}`, {
      fix: `Stop what listens there, or choose another: npm run edge -- --port ${port + 1}`,
      cause,
    });
  }
  probe.close();
  await once(probe, "close");
}

function endedEarly(lines: readonly string[]): KeyturnError {
  return new KeyturnError("config_invalid", "wrangler dev ended before it was ready.", {
    fix: `See what it said:\n${lines.join("\n")}`,
  });
}

/** Whether there was a process to tell. */
function signalled({ pid }: ChildProcess, signal: NodeJS.Signals): boolean {
  try {
    return pid !== undefined && process.kill(-pid, signal);
  } catch {
    return false;
  }
}
