/** A package of the SDK, loaded when it is first needed; who does not use AWS does without. */
import { KeyturnError } from "../errors.ts";

/**
 * What was loaded first is kept. Nobody waits for what another has begun, because on Workers that may never
 * end; who comes before the first is there loads for itself.
 *
 * @returns `load` made to run no more once it has succeeded.
 */
export function loadedOnce<T extends object>(load: () => Promise<T>): () => Promise<T> {
  let kept: T | null = null;
  return async () => {
    if (kept !== null) return kept;
    const loaded = await load();
    kept ??= loaded;
    return kept;
  };
}

export function sdkMissing(service: string, packageName: string, cause: unknown): KeyturnError {
  return new KeyturnError("config_invalid", `The AWS SDK, which ${service} needs, cannot be loaded.`, {
    fix: `Install it: npm install ${packageName}`,
    cause,
  });
}
