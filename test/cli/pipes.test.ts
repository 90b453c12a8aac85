import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import type { KeyManager } from "../../src/manager/manager.ts";
import { newPlace } from "../node/place.ts";
import { MAIN, start } from "./keyturn.ts";
import { kidOf, turnedOver } from "./turned-over.ts";

let place: string;
let keys: KeyManager;

beforeEach(async () => {
  place = await newPlace();
  keys = await turnedOver(place);
});

describe("a reader that has seen enough", () => {
  for (const args of [["status"], ["plan", "--json"], ["serve", "--help"], ["audit", "show"]]) {
    it(`ends \`keyturn ${args.join(" ")} | head\` quietly, with status 0`, async () => {
      const child = start(place, args, { stdio: ["ignore", "pipe", "pipe"] });
      child.stdout?.destroy();
      const [[status], stderr] = await Promise.all([
        once(child, "close"),
        text(child.stderr as NonNullable<typeof child.stderr>),
      ]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    });
  }

  it("does not keep a command from being carried out", async () => {
    const child = start(place, ["pause"], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout?.destroy();
    expect(await once(child, "close")).toEqual([0, null]);
    await keys.refresh();
    expect(keys.status().pausedAt).not.toBeNull();
  });
});

// util-linux has the only terminal that a test can bring along.
const SCRIPT = "/usr/bin/script";

describe.skipIf(process.platform !== "linux" || !existsSync(SCRIPT))("on a terminal", () => {
  /** Runs a command on a terminal, types `typed` once it asks, and gives what the terminal showed. */
  async function asked(args: readonly string[], typed: string) {
    const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(" ");
    const child = spawn(SCRIPT, ["-qec", command, "/dev/null"], {
      cwd: place,
      stdio: ["pipe", "pipe", "inherit"],
    });
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      if (chunk.includes("[y/N]")) child.stdin.write(typed);
      shown += chunk;
    });
    const [status] = await once(child, "close");
    return { status, shown };
  }

  it("a command that takes trust away asks, and goes on at a y", async () => {
    const emitting = kidOf(keys, "emitting");
    const { status, shown } = await asked(["revoke", emitting.slice(0, 12), "--reason", "leaked"], "y\n");
    expect(status).toBe(0);
    expect(shown).toContain(`Every token that ${emitting} signed is refused from now on. Go on? [y/N]`);
    await keys.refresh();
    expect(keys.status().revoked).toMatchObject([{ kid: emitting }]);
  });

  for (const [what, typed] of [
    ["n", "n\n"],
    ["nothing", "\n"],
    ["Ctrl-D", "\u0004"],
    ["Ctrl-C", "\u0003"],
  ] as const) {
    it(`and changes nothing at ${what}`, async () => {
      const { status, shown } = await asked(["rollback", "--reason", "a test"], typed);
      expect(status).toBe(2);
      expect(shown).toContain("Not confirmed, nothing was changed. [usage]");
      await keys.refresh();
      expect(keys.status().generation).toBe(3);
    });
  }
});
