/**
 * Workers in workerd, the open source of Cloudflare's own runtime, each in a process of its own so that its
 * time on a core can be told from others', and without the proxies that wrangler puts before it.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { startProgram, stop } from "../processes.ts";
import { temporaryFolder } from "../served.ts";
import { coreTime } from "../stopwatch.ts";
import { cacheCode } from "./bundles.ts";

export interface Setup {
  /** One module, with everything in it. */
  readonly code: string;
  readonly vars?: Readonly<Record<string, string>>;
  /** Bindings to services that are servers on 127.0.0.1, by their ports. */
  readonly services?: Readonly<Record<string, number>>;
  /** Whether what is put into its Cache API is found there. Default: yes. */
  readonly cache?: "keeps" | "forgets";
  /** Whether it exports `KeyRingObject` and is bound to it. Default: no. */
  readonly keyRing?: boolean;
}

export interface RunningWorker {
  readonly port: number;
  readonly pid: number;
  /** As `performance.now()` tells. */
  readonly spawnedAt: number;
  /** On a core, from then until it listened. */
  readonly startMilliseconds: number;
  stop(): Promise<void>;
}

export async function startWorker(setup: Setup): Promise<RunningWorker> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "storage"));
  await writeFile(join(folder, "worker.js"), setup.code);
  await writeFile(join(folder, "cache.js"), await cacheCode());
  await writeFile(join(folder, "config.capnp"), await configText(setup, folder));

  const spawnedAt = performance.now();
  const child = startProgram(WORKERD, "server", ["serve", join(folder, "config.capnp"), "--control-fd=3"]);
  const pid = child.pid ?? 0;
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`workerd ended with code ${code}`)));
    const control = child.stdio[3];
    if (!(control instanceof Readable)) throw new Error("workerd has no descriptor to tell its port on");
    createInterface({ input: control }).on("line", (line) => {
      const message: { event?: string; port?: number } = JSON.parse(line);
      if (message.event === "listen" && message.port !== undefined) resolve(message.port);
    });
  });
  return {
    port,
    ...{ pid, spawnedAt },
    startMilliseconds: coreTime(pid) ?? performance.now() - spawnedAt,
    async stop() {
      await stop(child);
      await rm(folder, { recursive: true });
    },
  };
}

/** The binary itself, of the version that wrangler deploys for. */
const WORKERD: string = createRequire(createRequire(import.meta.url).resolve("wrangler"))("workerd").default;

/** In the language of workerd.capnp. */
async function configText(setup: Setup, folder: string): Promise<string> {
  const { vars = {}, services = {}, cache = "keeps", keyRing = false } = setup;
  const bindings = [
    ...Object.entries(vars).map(([name, text]) => `(name = ${quoted(name)}, text = ${quoted(text)})`),
    ...Object.keys(services).map((name) => `(name = ${quoted(name)}, service = ${quoted(name)})`),
    ...(keyRing ? [`(name = "KEY_RING", durableObjectNamespace = "KeyRingObject")`] : []),
  ];
  const objects = keyRing
    ? `durableObjectNamespaces = [(className = "KeyRingObject", uniqueKey = "key-ring", enableSql = true)],
       durableObjectStorage = (localDisk = "storage"),`
    : "";
  const external = Object.entries(services).map(
    ([name, port]) => `(name = ${quoted(name)}, external = (address = "127.0.0.1:${port}", http = ())),`,
  );
  const date = quoted(await compatibilityDate());
  return `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        (name = "main", worker = (
          modules = [(name = "worker.js", esModule = embed "worker.js")],
          compatibilityDate = ${date},
          bindings = [${bindings.join(", ")}],
          ${objects}
          cacheApiOutbound = "cache",
        )),
        (name = "cache", worker = (
          modules = [(name = "cache.js", esModule = embed "cache.js")],
          compatibilityDate = ${date},
          bindings = [(name = "CACHE", text = ${quoted(cache)})],
        )),
        ${external.join("\n")}
        (name = "storage", disk = (path = ${quoted(join(folder, "storage"))}, writable = true)),
        (name = "internet", network = (allow = ["public", "private"])),
      ],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
    );`;
}

/** As the Worker is deployed. */
async function compatibilityDate(): Promise<string> {
  const config = await readFile(new URL("../../wrangler.toml", import.meta.url), "utf8");
  const [, date] = /^compatibility_date = "(.+)"$/m.exec(config) ?? [];
  if (date === undefined) throw new Error("wrangler.toml has no compatibility_date");
  return date;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
