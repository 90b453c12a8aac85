/** A call that meets a fault. */
import type { Fault } from "./faults.ts";
import { Refusal } from "./refusal.ts";
import { type Answer, garbled, refused, type ServiceName, unavailable } from "./wire.ts";

/** What a fault can do to a call. */
export interface Fate {
  readonly service: ServiceName;
  /** By the rules, whatever comes of it. */
  carryOut(): Answer;
  answer(answer: Answer): void;
  /** Answers so, and notes that the call was not carried out. */
  fail(answer: Answer): void;
  /** The socket is gone. */
  cut(): void;
  later(milliseconds: number, then: () => void): void;
  /** Until `releaseLate()`. */
  holdBack(): void;
}

export function meet(fault: Fault, fate: Fate): void {
  if (typeof fault === "string") SIMPLE[fault](fate);
  else if ("crash" in fault) crash(fault.crash, fault.before === true, fate);
  else fate.later(fault.delayMilliseconds, () => fate.answer(fate.carryOut()));
}

const SIMPLE: Readonly<Record<Exclude<Fault, object>, (fate: Fate) => void>> = {
  throttled: (fate) =>
    fate.fail(refused(new Refusal("ThrottlingException", "Rate exceeded", 400), fate.service)),
  internal: (fate) => fate.fail(internal(fate.service)),
  internal_after(fate) {
    fate.carryOut();
    fate.answer(internal(fate.service));
  },
  unavailable: (fate) => fate.fail(unavailable),
  garbled: (fate) => fate.answer(garbled(fate.carryOut())),
  lost_answer(fate) {
    fate.carryOut();
    fate.cut();
  },
  lost_request: (fate) => fate.cut(),
  arrives_late(fate) {
    fate.holdBack();
    fate.cut();
  },
  hangs: () => {},
};

function crash(crashing: () => void, before: boolean, fate: Fate): void {
  const answer = before ? undefined : fate.carryOut();
  crashing();
  if (answer === undefined) fate.cut();
  else fate.answer(answer);
}

function internal(service: ServiceName): Answer {
  const [type, message] =
    service === "kms"
      ? ["KMSInternalException", "An internal error occurred."]
      : ["InternalServiceError", "An error occurred on the server side."];
  return refused(new Refusal(type ?? "", message ?? "", 500), service);
}
