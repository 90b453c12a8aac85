/** A KEK is turned over by two deployments, and each of them may be gradual, or be taken back. */
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { isLongEnough, REWRAP_AFTER_SECONDS } from "../../src/cloudflare/kek-hold.ts";
import { generateKek } from "../../src/keys/kek.ts";
import type { MovableClock } from "../../src/testing/movable-clock.ts";
import { deployKeks, isolateSignsFor, objectSignsFor, sealedUnder } from "./deployed-keks.ts";
import {
  ask,
  auditOf,
  type LoggedLine,
  loggedLines,
  movedClock,
  newName,
  objectOf,
  tick,
} from "./ring-object.ts";

const [OLD, NEW] = [generateKek(), generateKek()];

let clock: MovableClock;
let lines: LoggedLine[];
let name: string;

beforeEach(() => {
  clock = movedClock();
  lines = loggedLines();
  name = newName();
});

const deploy = (kek: string, previous?: string, more?: object) => deployKeks(name, kek, previous, more);

/** A ring and a signer's token, sealed under the old KEK. */
async function begun(): Promise<{ readonly token: string; readonly old: Record<string, unknown> }> {
  await deploy(OLD);
  await tick(objectOf(name));
  const issued = await ask<{ readonly token: string }>(objectOf(name), "/v1/api-tokens", {
    name: "orders",
    role: "signer",
  });
  return { token: issued.body.token, old: await sealedUnder(name) };
}

async function holdOver(): Promise<void> {
  await tick(objectOf(name));
  clock.advance(REWRAP_AFTER_SECONDS);
}

async function failingWrites(isMeant: (bindings: readonly unknown[]) => boolean): Promise<void> {
  await runInDurableObject(objectOf(name), async (instance, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql);
    const spy = vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
      if (query.startsWith("INSERT") && isMeant(bindings)) throw new Error("disk I/O error: SQLITE_IOERR");
      return exec(query, ...bindings);
    });
    expect(await tick(instance)).toMatchObject({ blocked: null });
    spy.mockRestore();
  });
}

describe("a KEK that is turned over by two deployments", () => {
  it("moves ring and API tokens, and signing goes on all the while, in isolates of either deployment too", async () => {
    const { token, old } = await begun();
    expect(old["ring"]).toBe(old["api-tokens"]);
    const first = { KEYTURN_KEK: OLD, KEYTURN_PREVIOUS_KEK: undefined };

    const second = await deploy(OLD, NEW);
    await holdOver();
    await tick(objectOf(name));
    expect(await sealedUnder(name)).toEqual(old);
    for (const keks of [first, second]) expect(await isolateSignsFor(name, token, keks)).toBe(200);

    const third = await deploy(NEW, OLD);
    expect(await objectSignsFor(name, token)).toBe(200);
    await holdOver();
    expect(await sealedUnder(name)).toEqual(old);
    for (const keks of [second, third]) expect(await isolateSignsFor(name, token, keks)).toBe(200);
    await tick(objectOf(name));
    const moved = await sealedUnder(name);
    expect(moved["ring"]).not.toBe(old["ring"]);
    expect(moved["api-tokens"]).toBe(moved["ring"]);
    for (const keks of [second, third]) expect(await isolateSignsFor(name, token, keks)).toBe(200);
    await tick(objectOf(name));

    await deploy(NEW);
    expect(await objectSignsFor(name, token)).toBe(200);
    const rewraps = (await auditOf(objectOf(name))).filter(({ event }) => event === "rewrap");
    expect(rewraps).toMatchObject([{ actor: "schedule" }]);
  });

  it("waits an hour, counted anew after a rollback, and is held up by no instance that ends meanwhile", async () => {
    const { old } = await begun();
    await deploy(NEW, OLD);
    await tick(objectOf(name));
    clock.advance(REWRAP_AFTER_SECONDS - 1);
    await tick(objectOf(name));
    await deploy(OLD, NEW);
    await tick(objectOf(name));
    await deploy(NEW, OLD);
    await tick(objectOf(name));
    clock.advance(REWRAP_AFTER_SECONDS - 1);
    await deploy(NEW, OLD);
    await tick(objectOf(name));
    expect(await sealedUnder(name)).toEqual(old);
    clock.advance(1);
    await deploy(NEW, OLD);
    await tick(objectOf(name));
    expect((await sealedUnder(name))["ring"]).not.toBe(old["ring"]);
  });

  it("leaves isolates of the version before with their ring while the deployment is gradual, and after it was taken back", async () => {
    const { token } = await begun();
    const before = { KEYTURN_KEK: OLD, KEYTURN_PREVIOUS_KEK: undefined };
    const after = await deploy(NEW, OLD);
    await tick(objectOf(name));
    clock.advance(600);
    await tick(objectOf(name));
    for (const keks of [before, after]) expect(await isolateSignsFor(name, token, keks)).toBe(200);
    await deploy(OLD);
    await tick(objectOf(name));
    for (const keks of [before, after]) expect(await isolateSignsFor(name, token, keks)).toBe(200);
  });

  it("moves nothing where the deployment takes no steps", async () => {
    const { old } = await begun();
    await deploy(NEW, OLD, { KEYTURN_STEPS: "off" });
    await holdOver();
    await tick(objectOf(name));
    expect(await sealedUnder(name)).toEqual(old);
  });

  it("and that ends between ring and API tokens moves these too, and holds up no step before", async () => {
    const { token } = await begun();
    await deploy(NEW, OLD);
    await holdOver();
    await failingWrites(([place]) => place === "api-tokens");
    expect(new Set(Object.values(await sealedUnder(name))).size).toBe(2);
    await deploy(NEW, OLD);
    await tick(objectOf(name));
    expect(new Set(Object.values(await sealedUnder(name))).size).toBe(1);
    await deploy(NEW);
    expect(await objectSignsFor(name, token)).toBe(200);
  });

  it("tells when the ring cannot be moved, holds up no step, and tries again", async () => {
    const { old } = await begun();
    await deploy(NEW, OLD);
    await holdOver();
    await failingWrites(([place]) => place === "ring");
    expect(lines.some(({ msg, code }) => msg === "a tick failed" && code === "store_unavailable")).toBe(true);
    expect(await sealedUnder(name)).toEqual(old);
    await tick(objectOf(name));
    expect((await sealedUnder(name))["ring"]).not.toBe(old["ring"]);
  });
});

it("a KEK's hold is an hour of the wall clock", () => {
  expect(isLongEnough(1000, 1000 + 3599)).toBe(false);
  expect(isLongEnough(1000, 1000 + 3600)).toBe(true);
});
