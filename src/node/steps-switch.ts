/** `steps: off` in the configuration stops a node's steps without a restart: it is looked up before each. */
import type { Config } from "./config.ts";

/**
 * @param reread reads the configuration again; undefined: what it said at first stays
 * @param onError told of a configuration that cannot be used, as while somebody edits it; the last one stays
 */
export function stepsSwitch(
  config: Pick<Config, "steps">,
  reread: (() => Promise<Pick<Config, "steps">>) | undefined,
  onError: (error: unknown) => void,
): () => Promise<boolean> {
  let { steps } = config;
  let read = steps;
  return async () => {
    try {
      if (reread !== undefined) {
        const before = read;
        ({ steps: read } = await reread());
        // Off counts at once, on when it is read twice: a file that is being written is empty for a moment.
        if (read === "off" || before === "on") steps = read;
      }
    } catch (error) {
      onError(error);
    }
    return steps === "on";
  };
}
