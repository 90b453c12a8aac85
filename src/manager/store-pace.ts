/** What a policy asks of its store, against what that store bears in the long run. */
import { KeyturnError } from "../errors.ts";
import { exactDuration } from "../ring/duration.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import type { RingStore } from "../store/store.ts";

/** accept, confirm where a probe looks, emit, revoke. */
export const COMMITS_PER_TURNOVER = 4;

/** @throws KeyturnError `policy_invalid` when the policy would commit more often than the store bears */
export function assertBorne(
  { rotateEverySeconds }: Pick<RotationPolicy, "rotateEverySeconds">,
  { writesEverySeconds = 0, description }: Pick<RingStore, "writesEverySeconds" | "description">,
): void {
  const leastSeconds = COMMITS_PER_TURNOVER * writesEverySeconds;
  if (rotateEverySeconds >= leastSeconds) return;
  const message =
    `a key would emit for ${exactDuration(rotateEverySeconds)} < ${exactDuration(leastSeconds)} = ` +
    `${COMMITS_PER_TURNOVER} commits of a turnover × ${exactDuration(writesEverySeconds)}, the time between two ` +
    `that ${description} bears in the long run. Raise rotateEverySeconds to ${leastSeconds} or more.`;
  throw new KeyturnError("policy_invalid", `The policy cannot be kept. ${message}`, {
    fix: "Turn keys over less often, or keep the ring in a store that bears more commits.",
    problems: [{ code: "rotation_too_fast_for_store", at: "rotateEverySeconds", message }],
  });
}
