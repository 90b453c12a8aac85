/** What happens to the ring, moment by moment, as the log of a running node tells it. */
import { EventEmitter, on } from "node:events";
import { KeyturnError } from "../errors.ts";
import type { AuditRecord } from "../ring/audit.ts";
import type { LogLine } from "./node-process.ts";

/** One commit, and when the node told of it. */
export interface Moment
  extends Pick<AuditRecord, "event" | "generation" | "oldKid" | "newKid" | "trigger" | "reason"> {
  /** Seconds since the beginning, to a hundredth. */
  readonly atSeconds: number;
  readonly earlyEmit: boolean;
}

export interface Timeline {
  /** Takes in a line of the node's log; lines about anything but the ring are passed over. */
  hear(line: LogLine, atSeconds: number): void;
  moments(): readonly Moment[];
  /**
   * The first moment that `matches`, past or future.
   *
   * @param what Completes the sentence "There was no …".
   * @throws KeyturnError `rehearsal_failed` when `seconds` go by without one.
   */
  until(
    what: string,
    matches: (moment: Moment) => boolean,
    seconds: number,
    signal: AbortSignal,
  ): Promise<Moment>;
}

export function createTimeline(onMoment: (moment: Moment) => void = () => {}): Timeline {
  const moments: Moment[] = [];
  const told = new EventEmitter<{ moment: [Moment] }>();

  return {
    hear(line, atSeconds) {
      const moment = momentOf(line, atSeconds);
      if (moment === null || moments.some(({ generation }) => generation === moment.generation)) return;
      moments.push(moment);
      onMoment(moment);
      told.emit("moment", moment);
    },
    moments: () => moments,
    async until(what, matches, seconds, signal) {
      const past = moments.find(matches);
      if (past !== undefined) return past;
      const deadline = AbortSignal.timeout(seconds * 1000);
      try {
        for await (const [moment] of on(told, "moment", { signal: AbortSignal.any([signal, deadline]) })) {
          if (matches(moment as Moment)) return moment as Moment;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!deadline.aborted) throw error;
      }
      throw new KeyturnError("rehearsal_failed", `There was no ${what} within ${seconds} s.`, {
        fix: "Rehearse again on an idle machine; if it lasts, please report it with the output of --json.",
      });
    },
  };
}

function momentOf({ step, generation, earlyEmit, ...fields }: LogLine, atSeconds: number): Moment | null {
  if (step === undefined || generation === undefined) return null;
  const { oldKid = null, newKid = null, trigger = "automatic", reason = null } = fields;
  return {
    event: step,
    generation,
    oldKid,
    newKid,
    trigger,
    reason,
    atSeconds,
    earlyEmit: earlyEmit === true,
  };
}
