/** Clocks that are set wrong, and processes that stand still. */
import { clockWorlds } from "../fire/clock-worlds.ts";
import { movedServers } from "../fire/moved-servers.ts";
import { pausedServers } from "../fire/paused-servers.ts";
import type { Section } from "./section.ts";

export const clockJumps: Section = {
  title: "clock jumps and pauses",
  async run({ share, seed }) {
    const worlds = await clockWorlds(share, seed);
    // Servers spend most of the time waiting, so both kinds may wait at once.
    const servers = await Promise.all([pausedServers(share), movedServers(share)]);
    return [...worlds, ...servers.flat()];
  },
};
