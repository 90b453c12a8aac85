/** The ring of a Durable Object, for whoever may only read it: over RPC, from any Worker that is bound to it. */
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { RingStore } from "../store/store.ts";
import { told } from "./answer.ts";
import type { KeyRingNamespace } from "./platform.ts";

/** The object's documents. */
export type Place = "ring" | "api-tokens";

/**
 * For `openSigner({ store: keyRingReader(env.KEY_RING) })`: signs in a Worker of your own with a ring that its
 * object turns over. Its `replace` refuses: only the object writes.
 *
 * @param ring the ring's name, as in KEYTURN_RING. Default `default`.
 */
export function keyRingReader(
  namespace: Pick<KeyRingNamespace, "getByName">,
  ring: string = DEFAULT_RING,
  place: Place = "ring",
): RingStore {
  const description = `the Durable Object of ring "${ring}" (${place})`;
  return {
    description,
    async load() {
      try {
        // A stub is the request's that asked for it, so each asks for its own.
        return told(await namespace.getByName(ring).load(place));
      } catch (error) {
        throw isKeyturnError(error) ? error : unreachable(description, error);
      }
    },
    async replace() {
      throw new KeyturnError("store_permission", `${description} is written by nobody but itself.`, {
        fix: "Command it over HTTP, or through its own methods.",
      });
    },
  };
}

/** One ring is enough for most. */
export const DEFAULT_RING = "default";

function unreachable(description: string, cause: unknown): KeyturnError {
  return new KeyturnError("store_unavailable", `${description} did not answer.`, {
    fix: "Ask again. If it lasts, see the log of the object, and Cloudflare's status page.",
    cause,
  });
}
