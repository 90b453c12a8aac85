/** The whole manager as a Worker, and the other way to deploy it. */
import { randomBytes } from "node:crypto";
import { ISSUER, KEK } from "../peers.ts";
import { bundled, managerCode } from "./bundles.ts";
import { type RunningWorker, type Setup, startWorker } from "./workerd.ts";

export const API_TOKEN: string = randomBytes(32).toString("base64url");

const vars = { KEYTURN_ISSUER: ISSUER, KEYTURN_KEK: KEK, KEYTURN_API_TOKEN: API_TOKEN };

/** As it is deployed: it answers by the data centre's cache and its leased copy. */
export async function startManager(options: Pick<Setup, "cache"> = {}): Promise<RunningWorker> {
  return startWorker({ code: await managerCode(), vars, keyRing: true, ...options });
}

/** All is answered by the object. */
export async function startObject(): Promise<RunningWorker> {
  return startWorker({
    code: await bundled(new URL("./object-worker.ts", import.meta.url)),
    vars,
    keyRing: true,
  });
}
