/** A probe of the public JWKS, which the Worker itself serves. */
import { expect, it, vi } from "vitest";
import { REHEARSED_VARS } from "./rehearsal-worker.ts";
import { startWorker } from "./running-worker.ts";

it("sees its own JWKS as the public does, and lets the hold begin", async () => {
  const worker = await startWorker({ vars: { ...REHEARSED_VARS, KEYTURN_PROBE: "true" } });
  expect((await fetch(`${worker.url}/cdn-cgi/local/scheduled`)).status).toBe(200);
  const confirmed = expect.objectContaining({ msg: "ring advanced", step: "confirm" });
  await vi.waitFor(() => expect(worker.lines()).toContainEqual(confirmed), { timeout: 30_000 });
  await worker.stop();
});
