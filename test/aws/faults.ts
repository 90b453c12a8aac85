/** What goes wrong on the way, as a test orders it. */

export type Fault =
  /** ThrottlingException, 400: not carried out. */
  | "throttled"
  /** InternalServiceError, 500: not carried out. */
  | "internal"
  /** InternalServiceError, 500, and carried out all the same. */
  | "internal_after"
  /** 503 with a page of HTML, as a load balancer gives it: not carried out. */
  | "unavailable"
  /** Carried out, then the socket is destroyed. */
  | "lost_answer"
  /** The socket is destroyed before. */
  | "lost_request"
  /** Never answered and never carried out. */
  | "hangs"
  /** The socket is destroyed at once; carried out at the next `releaseLate()`. */
  | "arrives_late"
  /** Carried out, and answered with 200 and half a body. */
  | "garbled"
  /** Carried out and answered so much later, whether or not anybody still listens. */
  | { readonly delayMilliseconds: number }
  /** Called when it has been carried out and not yet answered; with `before`, when it has not been carried out. */
  | { readonly crash: () => void; readonly before?: boolean };

export interface FaultOptions {
  /** How many calls meet it. Default: 1. */
  readonly times?: number;
  /** How many calls go well first. Default: 0. */
  readonly after?: number;
}

export interface Faults {
  /** `*` for every operation. */
  plan(operation: string, fault: Fault, options?: FaultOptions): void;
  /** What this call meets. */
  next(operation: string): Fault | undefined;
  clear(): void;
}

export function createFaults(): Faults {
  let plans: { readonly operation: string; readonly fault: Fault; times: number; after: number }[] = [];
  return {
    plan(operation, fault, { times = 1, after = 0 } = {}) {
      plans.push({ operation, fault, times, after });
    },
    next(operation) {
      for (const plan of plans) {
        if (plan.operation !== "*" && plan.operation !== operation) continue;
        if (plan.after > 0) {
          plan.after--;
          continue;
        }
        plan.times--;
        plans = plans.filter(({ times }) => times > 0);
        return plan.fault;
      }
      return undefined;
    },
    clear() {
      plans = [];
    },
  };
}
