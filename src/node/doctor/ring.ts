/** The ring itself: whether it opens, whose KEK it is under, and whether its steps are taken. */
import { isKeyturnError } from "../../errors.ts";
import { formatDuration } from "../../ring/duration.ts";
import { overdueSince } from "../../ring/plan.ts";
import { samePolicy } from "../../ring/step.ts";
import type { Config } from "../config.ts";
import type { Evidence, RingEvidence } from "./evidence.ts";
import { type Fault, type Finding, failing, faulty, finding, warning } from "./finding.ts";

export function checkKek({ keks, ring }: Evidence): Finding {
  if (isKeyturnError(keks)) return faulty("kek", failing(keks.message, keks.fix));
  if (isKeyturnError(ring, "kek_mismatch")) return faulty("kek", failing(ring.message, ring.fix));
  const [present, previous] = keks;
  if (isKeyturnError(ring)) return finding("kek", [], `KEK ${present?.id} can be used.`);
  const faults: Fault[] = [];
  if (ring.kek.id !== present?.id) {
    faults.push(
      warning(
        "The ring is still sealed under the previous KEK.",
        "Run `keyturn rewrap` when every node has both.",
      ),
    );
  } else if (previous !== undefined) {
    faults.push(
      warning(
        "A previous KEK is configured that the ring no longer needs.",
        "When every node has the present one, take it out of the configuration and destroy it.",
      ),
    );
  }
  return finding("kek", faults, `KEK ${ring.kek.id} seals the ring.`);
}

/** Null where the KEK is what is missing: of the ring nothing can be said then. */
export function checkRing({ keks, ring }: Evidence): Finding | null {
  if (isKeyturnError(keks) || isKeyturnError(ring, "kek_mismatch")) return null;
  if (isKeyturnError(ring)) return faulty("ring", failing(ring.message, ring.fix));
  const { id, generation, keys } = ring.ring;
  const fine = `Ring ${id} at generation ${generation} is whole and authentic; each of its ${keys.length} keys signs.`;
  return finding("ring", [], fine);
}

export function checkSteps(
  { ring }: RingEvidence,
  configured: Pick<Config, "policy" | "steps">,
  now: number,
): Finding {
  const faults: Fault[] = [];
  const overdue = overdueSince(ring, now);
  if (configured.steps === "off")
    faults.push(warning("Steps are off on this node.", "Set steps to on when it may take them again."));
  if (!samePolicy(configured.policy, ring.policy)) {
    faults.push(
      warning(
        "The configured policy is not the ring's, so this node makes no step.",
        "See `keyturn policy`; `keyturn policy --apply` puts the configured one in force.",
      ),
    );
  }
  if (ring.pausedAt !== null)
    faults.push(
      warning(
        `Paused ${formatDuration(now - ring.pausedAt)} ago.`,
        "Run `keyturn resume` when it may go on.",
      ),
    );
  if (overdue !== null) {
    faults.push(
      failing(
        `A step has been due for ${formatDuration(now - overdue)}.`,
        "Let `keyturn serve` run, and look into its log for why it does not take the step.",
      ),
    );
  }
  return finding("steps", faults, "No step is late.");
}
