/** The holds are as long as they must be, and not a second longer. */
import { eachInThread } from "../simulation/crew.ts";
import type { ExtremeJob } from "../simulation/extreme-worker.ts";
import type { Section } from "./section.ts";

const WORLDS = 10_000;

export const tightness: Section = {
  title: "Holds: at the bound, and a second below it",
  async run({ share, seed }) {
    const worlds = Math.ceil(WORLDS * share);
    const jobs = (["emit", "retire"] as const).flatMap((hold) =>
      [0, 1].map((shorterBySeconds): ExtremeJob => ({ hold, shorterBySeconds, seed, worlds })),
    );
    const rejected = await eachInThread<ExtremeJob, number>("./extreme-worker.ts", jobs);
    return jobs.map(({ hold, shorterBySeconds }, i) => {
      const count = rejected[i] ?? -1;
      const bound = shorterBySeconds === 0 ? "exactly" : `${shorterBySeconds} s shorter`;
      const figure = `${count.toLocaleString("en")} honest tokens rejected in ${worlds.toLocaleString("en")} extreme worlds`;
      return { what: `${hold} hold, ${bound}`, figure, ok: shorterBySeconds === 0 ? count === 0 : count > 0 };
    });
  },
};
