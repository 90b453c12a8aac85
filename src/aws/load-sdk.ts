/** A package of the SDK, loaded when it is first needed; who does not use AWS does without. */
import { KeyturnError } from "../errors.ts";

/** @returns `load` made to run once; again only after it has failed. */
export function loadedOnce<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | null = null;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = null;
      throw error;
    });
    return loading;
  };
}

export function sdkMissing(service: string, packageName: string, cause: unknown): KeyturnError {
  return new KeyturnError("config_invalid", `The AWS SDK, which ${service} needs, cannot be loaded.`, {
    fix: `Install it: npm install ${packageName}`,
    cause,
  });
}
