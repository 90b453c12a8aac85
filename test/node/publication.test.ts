import { beforeEach, describe, expect, it } from "vitest";
import { publicationWatch } from "../../src/node/publication.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import { openAlone, pass, publishedKids, settle, type TestNode } from "../manager/fleet.ts";
import { START } from "../manager/manual-clock.ts";

let node: TestNode;
let shown: readonly string[] | Error;
let told: KeyturnEvent[];
let look: () => Promise<void>;

beforeEach(async () => {
  node = await openAlone();
  shown = publishedKids(node.keys);
  told = [];
  const probe = async () => {
    if (shown instanceof Error) throw shown;
    return shown;
  };
  look = publicationWatch({ manager: node.keys, probe, onEvent: (event) => told.push(event) });
});

async function seen(): Promise<number | null> {
  await look();
  const event = told.at(-1);
  if (event?.type !== "publication_seen") throw new Error("Nothing was told.");
  return event.missingSince;
}

describe("the watch over the public JWKS URL", () => {
  it("says since when a key is missing, until it is shown again", async () => {
    expect(await seen()).toBeNull();
    await pass(node, 700);
    shown = shown instanceof Error ? [] : shown.slice(1);
    expect(await seen()).toBe(START + 700);
    await pass(node, 60);
    expect(await seen()).toBe(START + 700);
    shown = publishedKids(node.keys);
    expect(await seen()).toBeNull();
  });

  it("takes a URL that does not answer for one that shows nothing, however new the ring", async () => {
    shown = new Error("ECONNREFUSED");
    expect(await seen()).toBe(START);
    shown = [];
    await pass(node, 60);
    expect(await seen()).toBe(START);
  });

  it("gives a new key the time that copies without it may be kept", async () => {
    const before = publishedKids(node.keys);
    await pass(node, 30 * 86_400);
    await settle(node);
    shown = before;
    expect(await seen()).toBeNull();
    await pass(node, 599);
    expect(await seen()).toBeNull();
    await pass(node, 1);
    expect(await seen()).toBe(START + 30 * 86_400 + 600);
  });

  it("does not ask for a key whose time is over", async () => {
    const [old] = [node.keys.status().emitter];
    await pass(node, 30 * 86_400);
    await settle(node);
    await pass(node, 1200);
    shown = publishedKids(node.keys);
    expect(shown).not.toContain(old);
    expect(await seen()).toBeNull();
  });
});
