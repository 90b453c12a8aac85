/** The product in simulated worlds: every fault that can be thought of, every promise checked at every step. */
import { inThreads, portions } from "../simulation/crew.ts";
import { FAULTS } from "../simulation/faults.ts";
import { added, NOTHING, type Summary, type WorldKind } from "../simulation/job.ts";
import { TURNOVERS_PER_WORLD, WORLDS } from "../simulation/scale.ts";
import type { Row, Section } from "./section.ts";

export const simulation: Section = {
  title: "Simulated worlds",
  async run({ share, seed }) {
    const jobs = (["full", "lean"] as const).flatMap((kind) =>
      portions({
        kind,
        firstSeed: seed,
        worlds: Math.ceil(WORLDS[kind] * share),
        turnovers: TURNOVERS_PER_WORLD,
      }),
    );
    const results = await inThreads(jobs);
    const of = (kind: WorldKind) => results.filter((_, i) => jobs[i]?.kind === kind).reduce(added, NOTHING);
    const all = results.reduce(added, NOTHING);
    return [...sizes(of("full"), of("lean")), ...promises(all), ...margins(all), ...faults(all)];
  },
};

function sizes(full: Summary, lean: Summary): Row[] {
  const turnovers = full.turnovers + lean.turnovers;
  return [
    row("turnovers", `${count(turnovers)} in ${count(full.worlds + lean.worlds)} worlds`, turnovers > 0),
    row(
      "… in full worlds (real keys, documents, signatures, verifier)",
      count(full.turnovers),
      full.turnovers > 0,
    ),
    row(
      "… in lean worlds (all rules and the manager, stand-in keys)",
      count(lean.turnovers),
      lean.turnovers > 0,
    ),
  ];
}

/** So many broken promises are shown, each with how to see it again. */
const SHOWN_MAX = 20;

function promises(all: Summary): Row[] {
  const { commits, tokens, verified, served, refusedRevoked, unavailable, excused } = all;
  const rows = [
    row("violations", String(all.broken.length), all.broken.length === 0),
    row("commits, each checked", count(commits), commits > 0),
    row("JWKS answers, each checked", count(served), served > 0),
    row("tokens signed · verifications", `${count(tokens)} · ${count(verified)}`, verified > 0),
    row("tokens of revoked keys refused", count(refusedRevoked), refusedRevoked > 0),
    row("no verdict: JWKS endpoint down", count(unavailable), true),
    row("no promise: edge too long, clock beyond skew, node cut off", count(excused), true),
  ];
  const shown = all.broken.slice(0, SHOWN_MAX).map(({ kind, seed, invariant, what }) => {
    return row(`${invariant}: ${what}`, `npm run simulate -- --kind ${kind} --seed ${seed}`, false);
  });
  return [...rows, ...shown];
}

function margins({ margins: { publication, retirement, revocation } }: Summary): Row[] {
  return [
    row(
      "smallest margin: every cache knew a key before it emitted",
      inSeconds(publication),
      publication >= 0,
    ),
    row("smallest margin: a key left after its last token", inSeconds(retirement), retirement >= 0),
    row(
      "smallest margin: a revoked key was refused before the bound",
      inSeconds(revocation),
      revocation >= 0,
    ),
  ];
}

function faults({ faults }: Summary): Row[] {
  return FAULTS.map((fault) => row(fault, `${count(faults[fault])}×`, faults[fault] > 0));
}

function row(what: string, figure: string, ok: boolean): Row {
  return { what, figure, ok };
}

function count(n: number): string {
  return n.toLocaleString("en");
}

function inSeconds(seconds: number): string {
  return `${seconds.toFixed(3)} s`;
}
