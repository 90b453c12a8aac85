/** What is said between the one who starts a race and the processes that run it. */
import { DEFAULT_POLICY, type RotationPolicy } from "../../src/ring/policy.ts";

export interface Order {
  readonly command: "open" | "rotate" | "pause" | "resume" | "tick";
  /** Unlike any other, so that the audit log tells whose command it was. */
  readonly reason: string;
  /** Since the race began, on both hands of every clock. */
  readonly elapsedSeconds: number;
}

export interface Answer {
  readonly changed?: boolean;
  readonly generation?: number;
  readonly emitter?: string;
  /** The code of the error, when there was one. */
  readonly refused?: string;
}

export const STARTS_AT = 1_800_000_000;
export const KEK = "3UQKwGr-TAc0nOlu0xQ3tjrE1XlRISVB6Lw-gV34ZFM";
export const POLICY: RotationPolicy = DEFAULT_POLICY;
