/** The KEK of an object: where it comes from, and what is said when it is not right. */
import { adminSecretsStore } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { generateKek } from "../../src/keys/kek.ts";
import { deployKeks, documentsOf } from "./deployed-keks.ts";
import {
  ask,
  type LoggedLine,
  loggedLines,
  movedClock,
  newName,
  objectOf,
  statusOf,
  tick,
} from "./ring-object.ts";

const [OLD, NEW] = [generateKek(), generateKek()];

let lines: LoggedLine[];
let name: string;

beforeEach(() => {
  movedClock();
  lines = loggedLines();
  name = newName();
});

const deploy = (kek: unknown) => deployKeks(name, kek);

describe("the KEK", () => {
  it("is a Worker secret, or one of the Secrets Store's", async () => {
    using secret = adminSecretsStore(env.STORED_KEK);
    const id = await secret.create(OLD);
    await deploy(OLD);
    await tick(objectOf(name));
    const { kek, emitter } = await statusOf(objectOf(name));
    await deploy(env.STORED_KEK);
    expect(await statusOf(objectOf(name))).toMatchObject({ kek, emitter, generation: 1 });
    await secret.delete(id);
  });

  it("that the Secrets Store does not give is waited for by nobody, and asked for again", async () => {
    await deploy(env.STORED_KEK);
    const told = await objectOf(name).tick();
    expect(told).toMatchObject({
      error: { code: "store_unavailable", message: expect.stringContaining("KEYTURN_KEK") },
    });
    using secret = adminSecretsStore(env.STORED_KEK);
    const id = await secret.create(OLD);
    expect(await tick(objectOf(name))).toMatchObject({ blocked: null });
    await secret.delete(id);
  });

  it("that never comes is given up, so that whoever asks is told", async () => {
    await deploy({ get: () => new Promise(() => {}) });
    const { timeout } = AbortSignal;
    const soon = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => timeout.call(AbortSignal, 20));
    expect(await objectOf(name).tick()).toMatchObject({ error: { code: "store_unavailable" } });
    soon.mockRestore();
  });

  it.each([
    ["that is missing", undefined, "kek_missing", "wrangler secret put KEYTURN_KEK"],
    ["that is no KEK", "not thirty-two bytes", "kek_invalid", ""],
    ["that is another one", NEW, "kek_mismatch", ""],
  ])(
    "%s is told of, without a byte of it, and nothing is put in place of the ring",
    async (_, kek, code, fix) => {
      await deploy(OLD);
      await tick(objectOf(name));
      const before = await documentsOf(name);
      await deploy(kek);
      expect(await objectOf(name).tick()).toMatchObject({
        error: { code, fix: expect.stringContaining(fix) },
      });
      const response = await ask<{ readonly code: string }>(objectOf(name), "/v1/ring");
      expect(response.status).toBeGreaterThanOrEqual(500);
      expect(JSON.stringify([lines, response])).not.toContain(kek ?? OLD);
      expect(await documentsOf(name)).toEqual(before);
      await deploy(OLD);
      expect((await statusOf(objectOf(name))).generation).toBe(1);
    },
  );

  it.each([
    ["missing here", undefined],
    ["another one here", NEW],
  ])("that is %s keeps the ring from nobody who has the right one", async (_, kek) => {
    await deploy(OLD);
    await tick(objectOf(name));
    const before = await objectOf(name).load("ring");
    await deploy(kek);
    expect(await objectOf(name).load("ring")).toEqual(before);
    expect(await objectOf(name).load("api-tokens")).toEqual({ value: null });
  });
});
