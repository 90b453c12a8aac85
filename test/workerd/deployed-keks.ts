/** An object and isolates of deployments that differ by their KEKs, and what its documents are sealed under. */
import {
  createExecutionContext,
  evictDurableObject,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createWorker } from "../../src/cloudflare/worker.ts";
import { ask, objectOf, rebind } from "./ring-object.ts";

export type Keks = Readonly<Record<"KEYTURN_KEK" | "KEYTURN_PREVIOUS_KEK", unknown>>;

type Environment = Parameters<ReturnType<typeof createWorker>["fetch"]>[1];

/** A new instance, with these. */
export async function deployKeks(
  name: string,
  KEYTURN_KEK: unknown,
  KEYTURN_PREVIOUS_KEK?: unknown,
  more: object = {},
): Promise<Keks> {
  const keks = { KEYTURN_KEK, KEYTURN_PREVIOUS_KEK };
  await runInDurableObject(objectOf(name), () => {});
  await evictDurableObject(objectOf(name));
  await rebind(name, { ...keks, ...more });
  return keks;
}

export function documentsOf(name: string): Promise<Record<string, unknown>> {
  return runInDurableObject(objectOf(name), (_, { storage }) => {
    const rows = storage.sql.exec("SELECT place, document FROM documents").toArray();
    return Object.fromEntries(rows.map(({ place, document }) => [String(place), document]));
  });
}

/** Ids of KEKs, by place. */
export async function sealedUnder(name: string): Promise<Record<string, unknown>> {
  const documents = Object.entries(await documentsOf(name));
  return Object.fromEntries(documents.map(([place, text]) => [place, JSON.parse(String(text)).kek]));
}

const order = { claims: { sub: "user-1" } };

export async function objectSignsFor(name: string, token: string): Promise<number> {
  return (await ask(objectOf(name), "/v1/tokens", order, { Authorization: `Bearer ${token}` })).status;
}

/** An isolate that has just begun, of a deployment with these. */
export async function isolateSignsFor(name: string, token: string, keks: Keks): Promise<number> {
  const context = createExecutionContext();
  const request = new Request("https://auth.example.com/v1/tokens", {
    method: "POST",
    body: JSON.stringify(order),
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
  });
  const deployed = { ...env, ...keks, KEYTURN_RING: name } as Environment;
  const response = await createWorker().fetch(request, deployed, context);
  await waitOnExecutionContext(context);
  return response.status;
}
