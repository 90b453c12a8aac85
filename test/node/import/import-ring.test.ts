import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generateKek } from "../../../src/keys/kek.ts";
import { createKeyManager } from "../../../src/manager/manager.ts";
import { type Config, ringFolder } from "../../../src/node/config.ts";
import { importRing } from "../../../src/node/import/import-ring.ts";
import { openConfigured } from "../../../src/node/open.ts";
import { fileStore } from "../../../src/store/file.ts";
import { sampleKey } from "../../keys/sample-key.ts";
import { codeOf } from "../../manager/fleet.ts";
import { configIn, newPlace, put } from "../place.ts";

const { privateJwk } = await sampleKey("ES256", "theirs");
const { privateJwk: another } = await sampleKey("ES256", "another");
const THEIRS = JSON.stringify({ ...privateJwk, kid: "2026-a" });

async function house(content = THEIRS): Promise<{ place: string; config: Config; file: string }> {
  const place = await newPlace({ "theirs.jwk": content });
  return { place, config: await configIn(place), file: join(place, "theirs.jwk") };
}

const opened = (config: Config, environment: Record<string, string> = {}) =>
  openConfigured(config, { create: false, runs: "command", environment, onEvent: () => undefined });

describe("importing a key", () => {
  it("makes KEK and a ring that emits with it, as the next who opens it finds", async () => {
    const { config, file } = await house();
    const imported = await importRing(config, { file, passphrase: null }, {});
    expect(imported).toEqual({
      created: [config.kekFile],
      ringCreated: true,
      others: 0,
      kidAssumed: false,
    });
    const { manager, trail } = await opened(config);
    expect((await manager.sign({})).kid).toBe("2026-a");
    await trail.settled();
    expect(await readFile(config.auditLog, "utf8")).toContain('"imported":true');
  });

  it("leaves nothing private in the folder but sealed", async () => {
    const { config, file } = await house();
    await importRing(config, { file, passphrase: null }, {});
    const names = await readdir(config.folder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name).sort()).toEqual(["kek", "ring.0000000001.json"]);
    for (const { parentPath, name } of files)
      expect(await readFile(join(parentPath, name), "utf8"), name).not.toContain(privateJwk.d);
  });

  it("again, is the same as once, also from PEM's nameless form and after other commits", async () => {
    const { config, file, place } = await house();
    await importRing(config, { file, passphrase: null }, {});
    const { manager } = await opened(config);
    await manager.pause();
    expect(await importRing(config, { file, passphrase: null }, {})).toMatchObject({
      created: [],
      ringCreated: false,
    });
    await put(join(place, "bare.jwk"), JSON.stringify(privateJwk));
    await importRing(config, { file: join(place, "bare.jwk"), passphrase: null }, {});
    await manager.refresh();
    expect(manager.status().generation).toBe(2);
  });

  it("into a ring without it, is refused, and the ring stays", async () => {
    const { config, file, place } = await house();
    await importRing(config, { file, passphrase: null }, {});
    await put(join(place, "another.jwk"), JSON.stringify(another));
    const order = { file: join(place, "another.jwk"), passphrase: null };
    expect(await codeOf(importRing(config, order, {}))).toBe("ring_exists");
    const { manager } = await opened(config);
    expect(manager.status()).toMatchObject({ emitter: "2026-a", generation: 1 });
  });

  it("from a file that is no use, makes nothing", async () => {
    const { config, file, place } = await house("{}");
    expect(await codeOf(importRing(config, { file, passphrase: null }, {}))).toBe("import_invalid");
    const missing = join(place, "none");
    expect(await codeOf(importRing(config, { file: missing, passphrase: null }, {}))).toBe(
      "store_unavailable",
    );
    const future = { file: join(place, "good.jwk"), passphrase: null, createdAt: 4_000_000_000 };
    await put(future.file, THEIRS);
    expect(await codeOf(importRing(config, future, {}))).toBe("import_invalid");
    expect((await readdir(place)).sort()).toEqual(["good.jwk", "theirs.jwk"]);
  });

  it("takes the KEK from the environment, and leaves it there for whoever comes next", async () => {
    const { config, file } = await house();
    const environment = { KEYTURN_KEK: generateKek() };
    const { created } = await importRing(config, { file, passphrase: null }, environment);
    expect(created).toEqual([]);
    expect((await opened(config, environment)).manager.status().emitter).toBe("2026-a");
  });

  it("says when nobody named a kid", async () => {
    const { config, file } = await house(JSON.stringify(privateJwk));
    expect(await importRing(config, { file, passphrase: null }, {})).toMatchObject({ kidAssumed: true });
    const named = await house(JSON.stringify(privateJwk));
    expect(
      await importRing(named.config, { file: named.file, passphrase: null, kid: "2026-b" }, {}),
    ).toMatchObject({ kidAssumed: false });
    expect((await opened(named.config)).manager.status().emitter).toBe("2026-b");
  });

  it("opens what another ring under the same KEK exported", async () => {
    const kek = generateKek();
    const from = await house();
    const source = await createKeyManager({
      store: fileStore(ringFolder(from.config)),
      kek,
      issuer: "https://a.example",
    });
    const { sealed, kid } = await source.exportKey({ passphrase: null }, { reason: "moving" });
    const to = await house(sealed);
    await importRing(to.config, { file: to.file, passphrase: null }, { KEYTURN_KEK: kek });
    expect((await opened(to.config, { KEYTURN_KEK: kek })).manager.status().emitter).toBe(kid);
  });
});
