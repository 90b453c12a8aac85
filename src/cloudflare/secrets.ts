/** Secrets of a Worker: text in its environment, or a binding to the Secrets Store. */
import { withinSeconds } from "../deadline.ts";
import { KeyturnError } from "../errors.ts";
import { clearKek, type KekSource } from "../kek/source.ts";
import type { Environment, Secret } from "./platform.ts";

/** A secret is a few bytes. Every request waits for it at first, and none must wait for ever. */
const SECRET_SECONDS_MAX = 5;

/** @throws KeyturnError `store_unavailable` when the Secrets Store does not give it */
export async function secretIn<Name extends string>(
  environment: { readonly [name in Name]?: Secret },
  name: Name,
): Promise<string | null> {
  const secret: Secret | undefined = environment[name];
  if (secret === undefined || typeof secret === "string") return secret ?? null;
  try {
    return await withinSeconds(SECRET_SECONDS_MAX, () => secret.get());
  } catch (cause) {
    throw new KeyturnError("store_unavailable", `The Secrets Store did not give the secret ${name}.`, {
      fix: "Check that the secret exists in the store that its binding names, with the scope `workers`.",
      cause,
    });
  }
}

/** Text comes with a deployment. What is bound may change at any moment, and has to be asked for again. */
export function hasBoundSecret(environment: Environment): boolean {
  return SECRETS.some((name) => typeof environment[name] === "object");
}

const SECRETS = [
  "KEYTURN_KEK",
  "KEYTURN_PREVIOUS_KEK",
  "KEYTURN_API_TOKEN",
  "KEYTURN_ADMIN_TOKEN",
] as const satisfies (keyof Environment)[];

/** The KEK as a secret of the Worker's. */
export function boundKek(environment: Environment): KekSource {
  return clearKek({
    description: "the secret KEYTURN_KEK",
    async read() {
      const kek = await secretIn(environment, "KEYTURN_KEK");
      const previousKek = await secretIn(environment, "KEYTURN_PREVIOUS_KEK");
      return kek === null ? null : { kek, previousKek };
    },
  });
}

/** @throws KeyturnError `kek_missing`, and as the source does */
export async function readKeks(source: KekSource): Promise<{ kek: string; previousKek?: string }> {
  const texts = await source.read();
  if (texts === null)
    throw new KeyturnError("kek_missing", `There is no key-encryption key in ${source.description}.`, {
      fix: "Make one and keep a copy: openssl rand 32 | basenc --base64url | tr -d = | npx wrangler secret put KEYTURN_KEK",
    });
  const { kek, previousKek } = texts;
  return previousKek === null ? { kek } : { kek, previousKek };
}
