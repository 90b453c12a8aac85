/** Nobody makes the ring, and everybody does: however many come first, and however they come, it is one. */
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { createWorker } from "../../src/cloudflare/worker.ts";
import {
  auditOf,
  type LoggedLine,
  loggedLines,
  movedClock,
  newName,
  objectOf,
  rebind,
} from "./ring-object.ts";

let lines: LoggedLine[];
let name: string;

beforeEach(() => {
  movedClock();
  lines = loggedLines();
  name = newName();
});

/** The kids that a stranger sees, through an isolate that has just begun. */
async function throughWorker(): Promise<string> {
  const context = createExecutionContext();
  const request = new Request(`https://auth.example.com/.well-known/jwks.json?${name}`);
  const { fetch } = createWorker();
  const response = await fetch(
    request,
    Object.assign({ ...env }, { KEYTURN_RING: name, KEYTURN_ISSUER: `https://${name}.example.com` }),
    context,
  );
  await waitOnExecutionContext(context);
  return response.ok ? kidsIn(await response.json()) : `${response.status}`;
}

async function byCall(): Promise<string> {
  const answer = await objectOf(name).load("ring");
  if ("error" in answer) return answer.error.code;
  const { ring } = JSON.parse(answer.value?.document ?? "null");
  return kidsIn(ring);
}

async function byRequest(): Promise<string> {
  const response = await objectOf(name).fetch(new Request("https://auth.example.com/.well-known/jwks.json"));
  return response.ok ? kidsIn(await response.json()) : `${response.status}`;
}

async function byTick(): Promise<string> {
  const answer = await objectOf(name).tick();
  return "error" in answer ? answer.error.code : byCall();
}

function kidsIn({ keys }: { readonly keys: readonly { readonly kid: string }[] }): string {
  return keys
    .map(({ kid }) => kid)
    .sort()
    .join(" ");
}

const doors = [throughWorker, byCall, byRequest, byTick];

function crowd(count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => (doors[index % doors.length] ?? byCall)()));
}

async function assertOneRing(seen: readonly string[]): Promise<void> {
  expect(new Set(seen).size).toBe(1);
  expect(seen[0]?.split(" ")).toHaveLength(2);
  const records = await auditOf(objectOf(name));
  expect(records.map(({ generation, event }) => [generation, event])).toEqual([[1, "init"]]);
  expect(lines.filter(({ step }) => step === "init")).toHaveLength(1);
}

describe("a first boot", () => {
  it("by a hundred at once, through the Worker and by its side, makes one ring", async () => {
    await assertOneRing(await crowd(100));
  });

  it("without a KEK makes none, and once there is one, a hundred at once make one", async () => {
    await rebind(name, { KEYTURN_KEK: undefined });
    const refusals = await Promise.all(
      [...Array(10).fill(byCall), ...Array(10).fill(byTick)].map((door) => door()),
    );
    expect(refusals).toEqual(Array(20).fill("kek_missing"));
    expect(await byRequest()).toBe("500");
    await runInDurableObject(objectOf(name), (_, { storage }) => {
      const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'documents'").toArray();
      expect(tables.length === 0 ? [] : storage.sql.exec("SELECT * FROM documents").toArray()).toEqual([]);
    });
    await rebind(name, {});
    await assertOneRing(await crowd(100));
  });

  it("in which the storage gives out makes none, and the next one makes it", async () => {
    await runInDurableObject(objectOf(name), (_, { storage }) => {
      const transact = storage.transactionSync.bind(storage);
      let times = 0;
      storage.transactionSync = (work) => {
        if (++times <= 1) throw new Error("database or disk is full: SQLITE_FULL");
        return transact(work);
      };
    });
    expect(await byCall()).toBe("store_full");
    await assertOneRing(await crowd(20));
  });
});
