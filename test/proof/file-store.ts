/** The file store under fire: whatever happens to a commit, the ring is the old one or the new one. */
import { faultedCommits } from "../fire/faulted-commits.ts";
import { hookedKills } from "../fire/hooked-kills.ts";
import { killedServers } from "../fire/killed-servers.ts";
import { powerCuts } from "../fire/power-cuts.ts";
import { races } from "../fire/races.ts";
import { canTrace } from "../fire/system-calls.ts";
import type { Section } from "./section.ts";

export const fileStoreUnderFire: Section = {
  title: "file store under fire",
  async run({ share, seed }) {
    return [
      ...((await canTrace()) ? await faultedCommits(share) : await hookedKills(share)),
      ...(await powerCuts(share, seed)),
      ...(await killedServers(share, seed)),
      ...(await races(share)),
    ];
  },
};
