/**
 * The keys' lives side by side, one lane each. Instants lie months and minutes apart, so the
 * columns are the instants themselves, in order and equally wide, not a scale of time.
 *
 *     ....  accepted: in the JWKS, does not sign yet
 *     ####  emitting
 *     ----  retiring: in the JWKS until its last token has expired
 */
import type { Status } from "../manager/status.ts";
import type { PlannedStep } from "../ring/plan.ts";
import { formatInstant, shortKid } from "./print.ts";

interface Lane {
  readonly label: string;
  readonly accept: number;
  readonly emit: number | null;
  readonly retire: number | null;
  readonly end: number | null;
}

const COLUMN_WIDTH = 6;
const LABEL_WIDTH = 15;

export function drawLanes(status: Status, plan: readonly PlannedStep[]): string {
  const lanes = lanesOf(status, plan);
  const instants = [...new Set([status.now, ...lanes.flatMap(instantsOf)])].sort((a, b) => a - b);
  const header = instants.map((_, i) => String(i + 1).padEnd(COLUMN_WIDTH)).join("");
  const marks = instants.map((at) => (at === status.now ? "now" : "|").padEnd(COLUMN_WIDTH)).join("");
  return [
    `${"".padEnd(LABEL_WIDTH)}${header}`.trimEnd(),
    ...lanes.map((lane) => `${lane.label.padEnd(LABEL_WIDTH)}${drawn(lane, instants)}`.trimEnd()),
    `${"".padEnd(LABEL_WIDTH)}${marks}`.trimEnd(),
    "",
    ...instants.map(
      (at, i) => `${String(i + 1).padStart(3)}  ${formatInstant(at)}  ${whatHappens(at, lanes, status.now)}`,
    ),
    "",
    "     .... accepted   #### emitting   ---- retiring",
  ].join("\n");
}

function drawn(lane: Lane, instants: readonly number[]): string {
  return instants.map((at) => symbolAt(lane, at).repeat(COLUMN_WIDTH)).join("");
}

function symbolAt({ accept, emit, retire, end }: Lane, at: number): string {
  if (at < accept || (end !== null && at >= end)) return " ";
  if (retire !== null && at >= retire) return "-";
  return emit !== null && at >= emit ? "#" : ".";
}

function whatHappens(at: number, lanes: readonly Lane[], now: number): string {
  const events = lanes.flatMap(({ label, accept, emit, retire, end }) => [
    ...(at === accept ? [`${label} accepted`] : []),
    ...(at === emit ? [`${label} emits`] : []),
    ...(at === retire ? [`${label} retires`] : []),
    ...(at === end ? [`${label} revoked`] : []),
  ]);
  return [...(at === now ? ["now"] : []), ...events].join(", ");
}

function instantsOf({ accept, emit, retire, end }: Lane): number[] {
  return [accept, emit, retire, end].filter((instant) => instant !== null);
}

/** Past and planned instants of the keys that exist, and of the next that will. */
function lanesOf(status: Status, plan: readonly PlannedStep[]): Lane[] {
  const emitAt = (kid: string) => plan.find((step) => step.step === "emit" && step.kid === kid)?.at ?? null;
  const nextEmit = plan.find((step) => step.step === "emit")?.at ?? null;
  const revokeAt = (kid: string) =>
    plan.find((step) => step.step === "revoke" && step.kid === kid)?.at ?? null;
  const existing = status.keys.map((key): Lane => {
    const retire = key.retiredAt ?? (key.phase === "emitting" ? nextEmit : null);
    return {
      label: shortKid(key.kid),
      accept: key.createdAt,
      emit: key.emittedAt ?? emitAt(key.kid),
      retire,
      // A key that does not retire within the plan is still there at its end.
      end: retire === null ? null : (key.acceptUntil ?? revokeAt(key.kid)),
    };
  });
  const accept = plan.find((step) => step.step === "accept");
  if (accept === undefined) return existing;
  return [...existing, { label: "(next key)", accept: accept.at, emit: null, retire: null, end: null }];
}
