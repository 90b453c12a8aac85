/** Anything that can happen to a ring: time, ticks, and what operators do, each as the manager decides it. */
import fc from "fast-check";
import { isKeyturnError } from "../../src/errors.ts";
import { emitterOf } from "../../src/ring/phase.ts";
import { rotationState } from "../../src/ring/plan.ts";
import type { RotationPolicy } from "../../src/ring/policy.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import {
  applyPolicy,
  type Change,
  emit,
  pause,
  requestRotation,
  resume,
  revoke,
  rollback,
} from "../../src/ring/step.ts";
import type { SampleRing } from "./sample-ring.ts";
import { soundPolicies } from "./sound-policy.ts";

export type Happening =
  | { readonly what: "wait"; readonly seconds: number }
  | { readonly what: "tick" | "rotate" | "rollback" | "pause" | "resume" }
  /** The emitter, or any kid that the ring knows. */
  | { readonly what: "revoke"; readonly which: number | "emitter" }
  | { readonly what: "policy"; readonly policy: RotationPolicy };

const something: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 14, arbitrary: fc.constant({ what: "tick" as const }) },
  { weight: 4, arbitrary: waits(90) },
  { weight: 6, arbitrary: waits(2500) },
  { weight: 3, arbitrary: waits(40_000) },
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constantFrom("rotate", "rollback", "pause", "resume") }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant("revoke" as const),
      which: fc.oneof(fc.nat(9), fc.constant("emitter" as const)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("policy" as const), policy: soundPolicies }),
  },
);

function waits(max: number) {
  return fc.record({ what: fc.constant("wait" as const), seconds: fc.integer({ min: 0, max }) });
}

export const happenings: fc.Arbitrary<Happening[]> = fc.array(something, {
  minLength: 1,
  maxLength: 120,
  size: "max",
});

/** Lets it happen; what is returned decides on the same command once more. */
export function live(sample: SampleRing, happening: Happening): () => Change | null {
  const kid = happening.what === "revoke" ? kidMeant(sample.ring, happening.which) : "";
  if (happening.what === "wait") sample.wait(happening.seconds);
  if (happening.what === "tick") sample.tick();
  const command = () => decided(sample, happening, kid);
  sample.commit(command());
  return command;
}

export function kidMeant(ring: KeyRing, which: number | "emitter"): string {
  if (which === "emitter") return emitterOf(ring).kid;
  const known = [...ring.keys, ...ring.tombstones];
  return known[which % known.length]?.kid ?? "";
}

function decided({ ring, now, fresh }: SampleRing, happening: Happening, kid: string): Change | null {
  switch (happening.what) {
    case "wait":
    case "tick":
      return null;
    case "rotate": {
      const found = rotationState(ring, now);
      if (found.state === "ready") return emit(ring, found.kid, now);
      return found.state === "scheduled" ? requestRotation(ring, now) : null;
    }
    case "rollback":
      try {
        return rollback(ring, now);
      } catch (error) {
        if (isKeyturnError(error, "rollback_impossible")) return null;
        throw error;
      }
    case "revoke":
      return revoke(ring, kid, "an operator's reason", now, fresh());
    case "policy":
      return applyPolicy(ring, happening.policy, now);
    case "pause":
      return pause(ring, now);
    case "resume":
      return resume(ring);
  }
}
