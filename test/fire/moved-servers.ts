/**
 * A real `keyturn serve` whose wall clock is set wrong while it serves and signs, and right again,
 * all within the first hold of its ring: so nothing may turn over, whatever the wall clock says, and
 * afterwards everything has to go on.
 */
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/clock.ts";
import type { NodeProcess } from "../../src/rehearsal/node-process.ts";
import { POLICY } from "../../src/rehearsal/scale.ts";
import { emitHold } from "../../src/ring/hold.ts";
import type { Row } from "../proof/section.ts";
import { abreast } from "./abreast.ts";
import { JUMPS } from "./clock-worlds.ts";
import { inScratch } from "./scratch.ts";
import { jwksOf, signed, startServer } from "./server.ts";
import { part, spread, verdict } from "./verdict.ts";

/** Where Debian and Ubuntu put it. */
const LIBFAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/** How often each jump is made in the full run. */
const ROUNDS = 2;
/** Of a small share: those that say most. */
const FEWEST_JUMPS = [3600, -3600, 365 * 86_400];

/** Longer than the tick that comes each second can take. */
const TICK_SECONDS_MAX = 8;

export async function movedServers(share: number): Promise<Row[]> {
  const full = Array.from({ length: ROUNDS }, () => JUMPS).flat();
  const jumps = part(share, full.length) < FEWEST_JUMPS.length ? FEWEST_JUMPS : spread(full, share);
  const found = await abreast(jumps, (seconds) =>
    inScratch((folder) => new MovedServer(folder, seconds).live()),
  );
  const by = existsSync(LIBFAKETIME)
    ? "libfaketime"
    : "LIBFAKETIME IS NOT INSTALLED: Date moved inside the process in its place";
  const ticking = found.filter(({ ticksOn }) => ticksOn).length;
  return [
    verdict(
      "a serving process whose clock jumps: signs on, turns nothing over",
      `${found.length} jumps and back (${by})`,
      found.flatMap(({ wrong }) => wrong),
    ),
    verdict(
      "a serving process whose clock jumps: ticks on once it is right",
      `${ticking}/${found.length}`,
      found.flatMap(({ idle }) => idle),
    ),
  ];
}

class MovedServer {
  readonly wrong: string[] = [];
  readonly idle: string[] = [];
  ticksOn = false;
  readonly #folder: string;
  readonly #clockFile: string;
  readonly #seconds: number;

  constructor(folder: string, seconds: number) {
    this.#folder = folder;
    this.#clockFile = join(folder, "clock");
    this.#seconds = seconds;
  }

  async live(): Promise<this> {
    await this.#set(0);
    const bornAt = systemClock.monotonic();
    const server = await startServer(this.#folder, { environment: environmentOf(this.#clockFile) });
    try {
      const { keys } = await jwksOf(server);
      // By then the schedule has begun, and the jump comes between two ticks.
      await delay(1000);
      for (const offBy of [this.#seconds, 0]) {
        await this.#set(offBy);
        if (!(await this.#signs(server, offBy))) return this;
        await delay(1200);
        if (!(await this.#signs(server, offBy))) return this;
      }
      if (systemClock.monotonic() - bornAt < emitHold(POLICY).seconds)
        await this.#expectOneGeneration(server);
      await this.#expectTicks(server, keys);
    } catch (error) {
      this.#tell(`${error}`);
    } finally {
      server.send("SIGKILL");
      await server.ended;
    }
    return this;
  }

  async #signs(server: NodeProcess, offBy: number): Promise<boolean> {
    const answer = await signed(server).catch((error: unknown) => ({
      status: 0,
      code: `${error}`,
      token: "",
    }));
    if (answer.status !== 200) this.#tell(`clock ${offBy} s off: it did not sign (${answer.code})`);
    if (answer.status !== 200) return false;
    const [, claims = ""] = (answer.token ?? "").split(".");
    const { iat } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { iat: number };
    // That the clock was moved is only shown by what the process itself took for the time.
    if (Math.abs(iat - systemClock.now() - offBy) > 2)
      this.#tell(`clock ${offBy} s off: the token says ${iat}`);
    return true;
  }

  async #expectOneGeneration(server: NodeProcess): Promise<void> {
    const { generation } = await jwksOf(server);
    if (generation !== 1) this.#tell(`generation ${generation} within the first hold`);
  }

  /** In place of a standby that is revoked, the next tick publishes another. */
  async #expectTicks(server: NodeProcess, keys: readonly { readonly kid: string }[]): Promise<void> {
    const { kid } = await signed(server);
    const standby = keys.find((key) => key.kid !== kid)?.kid as string;
    const outcome = await server.command("revoke", standby, "--yes", "--reason", "see whether it ticks");
    const { generation } = outcome as { generation: number };
    for (
      const until = systemClock.monotonic() + TICK_SECONDS_MAX;
      systemClock.monotonic() < until;
      await delay(100)
    )
      if ((await jwksOf(server)).generation > generation) {
        this.ticksOn = true;
        return;
      }
    this.idle.push(`after ${this.#seconds} s and back: no tick for ${TICK_SECONDS_MAX} s`);
  }

  #tell(what: string): void {
    this.wrong.push(`after ${this.#seconds} s: ${what}`);
  }

  async #set(offBy: number): Promise<void> {
    await writeFile(`${this.#clockFile}.new`, `${offBy < 0 ? "" : "+"}${offBy}`);
    await rename(`${this.#clockFile}.new`, this.#clockFile);
  }
}

function environmentOf(clockFile: string): Record<string, string> {
  if (!existsSync(LIBFAKETIME)) {
    const preloaded = new URL("moved-clock.ts", import.meta.url).href;
    return { MOVED_CLOCK_FILE: clockFile, NODE_OPTIONS: `--import=${preloaded}` };
  }
  return {
    LD_PRELOAD: LIBFAKETIME,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_NO_CACHE: "1",
    // Its name was changed between versions.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
  };
}
