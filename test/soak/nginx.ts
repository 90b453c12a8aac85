/** nginx as the caching edge before two servers: a cache that others wrote, with its own idea of time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

const PLACES = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"];

const TRY_EVERY_MILLISECONDS = 50;
const TRIES_MAX = 100;

/** Where it is installed, or null. */
export function nginxPath(): string | null {
  return PLACES.find((path) => existsSync(path)) ?? null;
}

/** @param origins addresses of the servers, which take turns */
export async function startNginx(binary: string, folder: string, origins: readonly string[]): Promise<Nginx> {
  const port = await freePort();
  await mkdir(join(folder, "cache"), { recursive: true });
  const config = join(folder, "nginx.conf");
  await writeFile(config, configuration(folder, port, origins));
  const nginx = spawn(binary, ["-p", folder, "-c", config, "-e", join(folder, "error.log")], {
    stdio: "ignore",
  });
  const kill = () => void nginx.kill("SIGKILL");
  process.once("exit", kill);
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; !(await answers(url)); tries++) {
    if (nginx.exitCode !== null || tries === TRIES_MAX)
      throw new Error(`nginx does not serve; see ${join(folder, "error.log")}.`);
    await delay(TRY_EVERY_MILLISECONDS);
  }
  return {
    url,
    async stop() {
      process.off("exit", kill);
      nginx.kill("SIGQUIT");
      if (nginx.exitCode === null) await once(nginx, "exit");
    },
  };
}

/**
 * Keeps what the origin lets it keep, asks for one answer at a time, and revalidates by ETag. Run by
 * root it would give its workers another user, who may not enter the folder.
 */
function configuration(folder: string, port: number, origins: readonly string[]): string {
  return `
${userInfo().uid === 0 ? `user ${userInfo().username};` : ""}
daemon off;
pid ${join(folder, "nginx.pid")};
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${join(folder, "body")};
  proxy_temp_path ${join(folder, "proxy")};
  fastcgi_temp_path ${join(folder, "fastcgi")};
  uwsgi_temp_path ${join(folder, "uwsgi")};
  scgi_temp_path ${join(folder, "scgi")};
  proxy_cache_path ${join(folder, "cache")} keys_zone=jwks:1m;
  upstream servers {
${origins.map((origin) => `    server ${new URL(origin).host};`).join("\n")}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://servers;
      proxy_cache jwks;
      proxy_cache_lock on;
      proxy_cache_revalidate on;
    }
  }
}
`;
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/.well-known/jwks.json`).catch(() => null);
  await response?.arrayBuffer();
  return response?.status === 200;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
