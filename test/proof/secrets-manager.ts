/** Writers on one secret, all at once, again and again: exactly one of them wins. */
import { race } from "../store/secrets-manager/races.ts";
import type { Section } from "./section.ts";

const WRITERS = 32;

/** In full: about two minutes. */
const ROUNDS = 1000;

export const secretsManager: Section = {
  title: "AWS Secrets Manager, as documented",
  async run({ share }) {
    const { rounds, faults, versions, callsPerRound } = await race(WRITERS, Math.ceil(ROUNDS * share));
    const told = faults.slice(0, 3).map((fault) => `; ${fault}`);
    return [
      {
        what: `races of ${WRITERS} writers with exactly one winner`,
        figure: `${rounds} rounds of ${callsPerRound} calls, ${faults.length} faults, ${versions} versions at most${told.join("")}`,
        ok: faults.length === 0,
      },
    ];
  },
};
