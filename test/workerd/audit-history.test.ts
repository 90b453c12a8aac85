/** The whole audit, from the object's own storage: a ring has the newest 32 records only. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ask, auditOf, loggedLines, movedClock, newName, objectOf, statusOf } from "./ring-object.ts";

let name: string;

beforeEach(() => {
  movedClock();
  loggedLines();
  name = newName();
});

async function commits(count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    const command = (await statusOf(objectOf(name))).pausedAt === null ? "pause" : "resume";
    expect((await ask(objectOf(name), `/v1/ring/${command}`, {})).status).toBe(200);
  }
}

async function generations(): Promise<number[]> {
  return (await auditOf(objectOf(name))).map(({ generation }) => generation);
}

const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe("the audit of an object", () => {
  it("is told from the first record on, also where its instances come and go", async () => {
    await commits(15);
    await evictDurableObject(objectOf(name));
    await commits(15);
    await abortAllDurableObjects();
    await commits(40);
    expect(await generations()).toEqual(upTo(71));
    await evictDurableObject(objectOf(name));
    expect(await generations()).toEqual(upTo(71));
  });

  it("is told in pages, with where to go on", async () => {
    await commits(4);
    const page = (query: string) => ask(objectOf(name), `/v1/audit?${query}`);
    expect(await page("after=1&limit=2")).toMatchObject({
      body: { records: [{ generation: 2 }, { generation: 3 }], next: 3 },
    });
    expect(await page("after=3&limit=2")).toMatchObject({
      body: { records: [{ generation: 4 }, { generation: 5 }], next: null },
    });
    expect(await page("after=5")).toMatchObject({ body: { records: [], next: null } });
  });

  it("with a gap in it hides what lies before", async () => {
    await commits(40);
    await runInDurableObject(objectOf(name), (_, { storage }) => {
      storage.sql.exec("DELETE FROM audit WHERE generation IN (3, 5)");
    });
    expect(await generations()).toEqual(upTo(41, 6));
  });

  it("is mended by the next instance where the ring still has what is missing", async () => {
    await commits(40);
    await runInDurableObject(objectOf(name), (_, { storage }) => {
      storage.sql.exec("DELETE FROM audit WHERE generation = 20");
    });
    expect(await generations()).toEqual(upTo(41, 21));
    await evictDurableObject(objectOf(name));
    expect(await generations()).toEqual(upTo(41));
  });

  it("fails no commit when it cannot be written, and catches up with the next", async () => {
    await commits(2);
    await runInDurableObject(objectOf(name), async (instance, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      const spy = vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
        if (/INTO audit/.test(query)) throw new Error("database or disk is full: SQLITE_FULL");
        return exec(query, ...bindings);
      });
      expect((await ask(instance, "/v1/ring/pause", {})).status).toBe(200);
      spy.mockRestore();
    });
    expect(await generations()).toEqual(upTo(3));
    await commits(1);
    expect(await generations()).toEqual(upTo(5));
  });

  it("that cannot be read is a storage that fails, not a bug", async () => {
    await commits(1);
    await runInDurableObject(objectOf(name), async (instance, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      const spy = vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
        if (/FROM audit/.test(query)) throw new Error("disk I/O error: SQLITE_IOERR");
        return exec(query, ...bindings);
      });
      expect(await ask(instance, "/v1/audit")).toMatchObject({
        status: 503,
        body: { code: "store_unavailable" },
      });
      spy.mockRestore();
    });
  });
});
