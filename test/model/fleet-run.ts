/** Any sequence of commands, given to three managers on one store and to the model. */
import fc from "fast-check";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { type Extent, searched } from "../fuzz/search.ts";
import { openAlone, openNode, SHORT } from "../manager/fleet.ts";
import type { Row } from "../proof/section.ts";
import { witnessOf } from "../ring/promises.ts";
import type { ModelFleet } from "./fleet-model.ts";
import { fleetCommands, NODES, type RealFleet } from "./manager-commands.ts";
import { genesis } from "./ring-model.ts";

const COMMANDS_MAX = 60;

export async function fleetRows(extent: Extent): Promise<Row[]> {
  const counted = { commands: 0, commits: 0 };
  const property = fc.asyncProperty(
    fc.commands(fleetCommands, { maxCommands: COMMANDS_MAX, size: "max" }),
    fc.boolean(),
    async (commands, standby) => {
      const world = await newFleet({ ...SHORT, standby });
      await fc.asyncModelRun(() => world, commands);
      counted.commands += String(commands).split("),").length;
      counted.commits += world.model.rings.length;
    },
  );
  const told = () => `${counted.commands} commands, ${counted.commits} commits`;
  return [await searched("commands to three managers, against the model", property, extent, told)];
}

async function newFleet(policy: RotationPolicy): Promise<{ model: ModelFleet; real: RealFleet }> {
  const { place, clock } = await openAlone({ policy });
  const nodes = [];
  for (let opened = 0; opened < NODES; opened++) nodes.push(await openNode(place, { clock }));
  const { ring } = JSON.parse(place.newest().document) as { ring: KeyRing };
  const now = clock.now();
  const kids = ring.keys.map(({ kid }) => kid);
  return {
    model: {
      now,
      rings: [genesis(policy, kids, now)],
      nodes: nodes.map(() => ({
        down: false,
        faults: [],
        seen: 1,
        readAt: now,
        look: { at: Number.NEGATIVE_INFINITY, answered: true },
      })),
      tokens: [],
    },
    real: { nodes, place, clock, witness: witnessOf(ring), witnessed: [ring] },
  };
}
