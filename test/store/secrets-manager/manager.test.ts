/** Nodes that keep one ring in a secret. */
import { describe, expect, it } from "vitest";
import { createKeyManager, type KeyManager } from "../../../src/manager/manager.ts";
import type { KeyturnEvent } from "../../../src/telemetry/events.ts";
import { ISSUER, KEK, ringIn } from "../../manager/fleet.ts";
import { type ManualClock, manualClock } from "../../manager/manual-clock.ts";
import { onAws } from "./bench.ts";

const bench = onAws();
const NODES = 5;
/** Longer than the emit hold of the default policy. */
const LATER = 3600;

interface Node {
  readonly keys: KeyManager;
  readonly clock: ManualClock;
  readonly events: KeyturnEvent[];
}

async function fleet(): Promise<Node[]> {
  return Promise.all(
    Array.from({ length: NODES }, async () => {
      const clock = manualClock();
      const events: KeyturnEvent[] = [];
      const onEvent = (event: KeyturnEvent) => events.push(event);
      const keys = await createKeyManager({
        store: bench.open(),
        issuer: ISSUER,
        kek: KEK,
        clock,
        onEvent,
      });
      return { keys, clock, events };
    }),
  );
}

/** A fleet whose standby may emit. */
async function matured(): Promise<Node[]> {
  const nodes = await fleet();
  bench.now += LATER;
  for (const { clock } of nodes) clock.advance(LATER);
  await Promise.all(nodes.map(({ keys }) => keys.refresh()));
  return nodes;
}

async function stored() {
  return ringIn((await bench.open().load())?.document ?? "");
}

describe("several nodes on one secret", () => {
  it("make one ring when all start at once", async () => {
    const nodes = await fleet();
    expect(new Set(nodes.map(({ keys }) => JSON.stringify(keys.jwks()))).size).toBe(1);
    expect((await stored()).generation).toBe(1);
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(1);
  });

  it("turn over once when all are told to at once, and one has done it", async () => {
    const nodes = await matured();
    const outcomes = await Promise.all(
      nodes.map(({ keys }, number) => keys.rotate({ actor: `operator ${number}` })),
    );
    expect(outcomes.filter(({ changed }) => changed)).toHaveLength(1);
    expect(new Set(outcomes.map(({ generation }) => generation))).toEqual(new Set([2]));
    const { auditTail } = await stored();
    expect(auditTail.map(({ event }) => event)).toEqual(["init", "emit"]);
    expect(auditTail[1]?.actor).toBe(`operator ${outcomes.findIndex(({ changed }) => changed)}`);
    await Promise.all(nodes.map(({ keys }) => keys.refresh()));
    expect(new Set(nodes.map(({ keys }) => JSON.stringify(keys.jwks()))).size).toBe(1);
  });

  it("make one commit of what they do to the byte alike", async () => {
    const nodes = await matured();
    await Promise.all(nodes.map(({ keys }) => keys.rotate()));
    expect((await stored()).auditTail.map(({ event }) => event)).toEqual(["init", "emit"]);
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(2);
  });

  it("take every step once when all tick at once, each with a record that follows the one before", async () => {
    const nodes = await fleet();
    for (let step = 0; step < 12; step++) {
      bench.now += 20 * LATER;
      for (const { clock } of nodes) clock.advance(20 * LATER);
      await Promise.all(nodes.map(({ keys }) => keys.refresh()));
      await Promise.all(nodes.map(({ keys }) => keys.tick()));
    }
    const { generation, auditTail } = await stored();
    expect(auditTail.map((record) => record.generation)).toEqual(
      Array.from({ length: generation }, (_, before) => before + 1),
    );
    expect(bench.aws.secret(bench.secretId)?.versions).toHaveLength(generation);
  });

  it("write nothing by ticking while nothing is due, and ask once", async () => {
    const [node] = (await fleet()) as [Node];
    await node.keys.tick();
    await node.keys.tick();
    bench.forget();
    await node.keys.tick();
    expect(bench.asked().filter((operation) => operation !== "DescribeSecret")).toEqual([]);
  });
});
