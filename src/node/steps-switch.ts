/** `steps: off` in the configuration stops a node's steps without a restart: it is looked up before each. */
import { type Clock, systemClock } from "../clock.ts";
import type { Config } from "./config.ts";

/** For how long `on` must stand: far longer than an editor takes to write a file, which is empty meanwhile. */
const ON_AFTER_SECONDS = 2;

/**
 * @param reread reads the configuration again; undefined: what it said at first stays
 * @param onError told of a configuration that cannot be used, as while somebody edits it; the last one stays
 */
export function stepsSwitch(
  config: Pick<Config, "steps">,
  reread: (() => Promise<Pick<Config, "steps">>) | undefined,
  onError: (error: unknown) => void,
  clock: Pick<Clock, "monotonic"> = systemClock,
): () => Promise<boolean> {
  let { steps } = config;
  let onSince: number | null = null;
  return async () => {
    try {
      if (reread !== undefined) {
        const read = await reread();
        const now = clock.monotonic();
        onSince = read.steps === "on" ? (onSince ?? now) : null;
        // Off counts at once, on when it is read again after a while, however often it is asked for in between.
        if (onSince === null || now - onSince >= ON_AFTER_SECONDS) steps = read.steps;
      }
    } catch (error) {
      onSince = null;
      onError(error);
    }
    return steps === "on";
  };
}

/**
 * Whether steps are on at this moment, for what a node writes beside them: one write too many there harms
 * nobody, so a single reading decides, and a configuration that cannot be used means no.
 */
export function stepsNow(
  { steps }: Pick<Config, "steps">,
  reread: (() => Promise<Pick<Config, "steps">>) | undefined,
): () => Promise<boolean> {
  return async () => {
    if (reread === undefined) return steps === "on";
    return reread().then(
      (read) => read.steps === "on",
      () => false,
    );
  };
}
