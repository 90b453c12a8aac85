/** A page of the documentation as a reader takes it: its blocks, pasted into a terminal. */
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { resolve } from "node:path";

export interface Block {
  readonly language: string;
  readonly code: string;
}

/** The fenced blocks of a page, in its order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
    language: language as string,
    code: code as string,
  }));
}

/** Where the pages say that a server listens. */
export const SHOWN_URL = "http://127.0.0.1:3000";

/** A script as a user's terminal would run it: bash, with the alias that README.md gives. */
export function terminalScript(code: string, url: string): string {
  const alias = `shopt -s expand_aliases\nalias keyturn="${process.execPath} ${resolve("dist/cli/main.js")}"\n`;
  return `set -e -o pipefail\n${alias}${code.replaceAll(SHOWN_URL, url)}`;
}

/** The environment of such a terminal: a server that is started there listens at `url`. */
export function terminalEnvironment(url: string): NodeJS.ProcessEnv {
  return { ...process.env, KEYTURN_LISTEN: url.slice("http://".length) };
}

export function shell(code: string, { cwd, url }: { readonly cwd: string; readonly url: string }) {
  const env = terminalEnvironment(url);
  return spawnSync("bash", ["-c", terminalScript(code, url)], { cwd, encoding: "utf8", env });
}

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...BELOW_EPHEMERAL);
    if (await isFree(port)) return port;
  }
}

/** Systems give connections that go out ports from 32768 on: who comes back to a port later finds it there no more. */
const BELOW_EPHEMERAL = [10_000, 32_000] as const;

/** Whether nobody listens there. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolveFree) => {
    const probe = createServer()
      .once("error", () => resolveFree(false))
      .listen(port, "127.0.0.1", () => probe.close(() => resolveFree(true)));
  });
}

/** A page whose text between two markers is written by a test. */
export function withTable(page: string, name: string, rows: readonly string[]): string {
  const marker = new RegExp(`(<!-- ${name}: [^\\n]*-->\\n)[\\s\\S]*?(<!-- end of ${name} -->)`);
  return page.replace(marker, (_, begin: string, end: string) => `${begin}${rows.join("\n")}\n${end}`);
}
