/** While a ring cannot be read, every request finds that out, a stranger's too. It is told once. */
import type { OnEvent } from "../telemetry/events.ts";

/** Passes on the first `store_failed` of an outage, and the first of each other cause that follows. */
export function oncePerOutage(onEvent: OnEvent): OnEvent {
  let told: string | null = null;
  return (event) => {
    // A ring that is opened anew tells of no recovery.
    if (event.type === "store_recovered" || event.type === "ring_advanced") told = null;
    if (event.type === "store_failed") {
      if (event.error.code === told) return;
      told = event.error.code;
    }
    onEvent(event);
  };
}
