/** Whether the public, through whatever caches stand before the nodes, is shown the keys that it needs. */
import type { KeyManager } from "../manager/manager.ts";
import type { Probe } from "../manager/tick.ts";
import { isPublished } from "../ring/phase.ts";
import type { KeyRing } from "../ring/ring.ts";
import type { OnEvent } from "../telemetry/events.ts";

/**
 * One look at the public JWKS URL each time that the returned function is called, told as
 * `publication_seen`. Never rejects: a URL that does not answer shows nothing.
 */
export function publicationWatch(options: {
  readonly manager: Pick<KeyManager, "ring" | "clock">;
  readonly probe: Probe;
  readonly onEvent: OnEvent;
}): () => Promise<void> {
  const { manager, probe, onEvent } = options;
  let missingSince: number | null = null;
  return async () => {
    const now = manager.clock.now();
    const expected = kidsToBeSeen(manager.ring(), now);
    const shown = await probe().catch((): readonly string[] => []);
    const isComplete = shown.length > 0 && expected.every((kid) => shown.includes(kid));
    missingSince = isComplete ? null : (missingSince ?? now);
    onEvent({ type: "publication_seen", missingSince });
  };
}

/** A key may be missing in copies of the JWKS that were made before it, for as long as these may be kept. */
function kidsToBeSeen({ keys, policy }: KeyRing, now: number): string[] {
  const keptSince = now - policy.jwksCacheSeconds;
  return keys.filter((key) => isPublished(key, now) && key.createdAt <= keptSince).map(({ kid }) => kid);
}
