/** Inputs that the search has found, kept by name: each was once answered otherwise. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseKek } from "../../src/keys/kek.ts";
import { openRing } from "../../src/keys/sealed-ring.ts";
import { LATEST_INSTANT } from "../../src/ring/document.ts";
import { codeOf, KEK, OTHER_KEK, openAlone } from "../manager/fleet.ts";
import { openShell, type Shell } from "./shell.ts";

describe("on the command line", () => {
  let folder: string;
  let shell: Shell;
  const cries: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyturn-found-"));
    shell = openShell(folder, (cry) => cries.push(cry));
    await shell.run(["init"]);
  });
  afterAll(async () => {
    shell.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ["with one dash", `-kek=${OTHER_KEK}`],
    ["with a quote in its value", `--no-such=it's ${OTHER_KEK}`],
    ["with a line break in its value", `--no-such=two\n${OTHER_KEK}`],
  ])("an unknown flag %s is refused without its value", async (_how, flag) => {
    const { status, stderr } = await shell.run(["status", flag]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^keyturn: unknown option '-.*' \[usage\]$/m);
    expect(stderr).not.toContain(OTHER_KEK);
  });

  it.each(["--kek-file", "--previous-kek-file"])("%s that is a folder is refused in words", async (flag) => {
    await mkdir(join(folder, "a-folder"), { recursive: true, mode: 0o700 });
    const { status, stderr } = await shell.run(["status", flag, "a-folder"]);
    expect(stderr).toMatch(/^keyturn: .*a-folder.* \[[a-z_]+\]$/m);
    expect(stderr).not.toContain("[internal]");
    expect(status).toBeGreaterThan(1);
  });

  it.each([
    ["a mapping", `? {kek: ${OTHER_KEK}}\n: 1\n`],
    ["a list", `[${OTHER_KEK}]: 1\n`],
    ["a pair whose blank is missing", `{ kek:${OTHER_KEK} }\n`],
  ])("a configuration in which %s stands where a name belongs is refused without it", async (_how, text) => {
    await writeFile(join(folder, "odd.yaml"), text);
    const { status, stderr } = await shell.run(["status", "--config", "odd.yaml"]);
    await shell.run(["--version"]);
    expect(status).toBe(2);
    expect(stderr + cries.join("")).not.toContain(OTHER_KEK.slice(0, 20));
  });
});

describe("in the store", () => {
  it("a document whose texts hold half a surrogate pair is corrupt", async () => {
    const { place, keys } = await openAlone();
    await keys.pause({ reason: "deploying" });
    const { document } = place.newest();
    const altered = document.replace('"deploying"', '"\\ud800"');
    expect(altered).not.toBe(document);
    expect(await codeOf(openRing(altered, [await parseKek(KEK)]))).toBe("ring_corrupt");
  });

  it("no instant after 2200 is written, and whoever wants one is told so", async () => {
    const { place, keys, clock } = await openAlone();
    clock.advance(LATEST_INSTANT + 1 - clock.now());
    expect(await codeOf(keys.pause())).toMatch(/^(ring_invalid|clock_implausible)$/);
    expect(place.history).toHaveLength(1);
  });
});
