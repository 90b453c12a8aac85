/** Whether the simulation would notice: bugs that others have had, planted one at a time, must each break a promise. */
import { inThreads } from "../simulation/crew.ts";
import { PLANTED_BUGS } from "../simulation/planted-bugs.ts";
import { TURNOVERS_PER_WORLD } from "../simulation/scale.ts";
import type { Row, Section } from "./section.ts";

const WORLDS_MAX = { lean: 1500, full: 150 };

export const plantedBugs: Section = {
  title: "Planted bugs: each must be caught",
  async run({ seed }) {
    const summaries = await inThreads(
      PLANTED_BUGS.map(({ kind, patches }) => ({
        kind,
        patches,
        firstSeed: seed,
        worlds: WORLDS_MAX[kind],
        turnovers: TURNOVERS_PER_WORLD,
        untilBroken: true,
      })),
    );
    const rows = PLANTED_BUGS.map(({ name, kind }, i): Row => {
      const summary = summaries[i];
      const [broken] = summary?.broken ?? [];
      if (broken === undefined)
        return { what: name, figure: `not caught in ${summary?.worlds} worlds`, ok: false };
      const after = `${kind} world ${broken.seed - seed + 1}, turnover ${summary?.turnovers}`;
      return { what: name, figure: `${broken.invariant} in ${after}: ${broken.what}`, ok: true };
    });
    const caught = rows.filter(({ ok }) => ok).length;
    const total = {
      what: "planted bugs caught",
      figure: `${caught}/${rows.length}`,
      ok: caught === rows.length,
    };
    return [...rows, total];
  },
};
