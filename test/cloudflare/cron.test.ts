/** The cron endpoint of `wrangler dev`: what a Cron Trigger calls. */
import { expect, it, vi } from "vitest";
import { SECRETS, startWorker } from "./running-worker.ts";

it.each([
  ["as wrangler offers it", "/cdn-cgi/local/scheduled", []],
  ["as it is tested in a browser", "/__scheduled?cron=*+*+*+*+*", ["--test-scheduled"]],
])("ticks, %s", async (_, path, args) => {
  const worker = await startWorker({ args });
  const security = { Authorization: `Bearer ${SECRETS.KEYTURN_ADMIN_TOKEN}` };
  const ring = async () => (await fetch(`${worker.url}/v1/ring`, { headers: security })).json();

  // Where there is no ring yet, the first tick of all makes it.
  expect((await fetch(worker.url + path)).status).toBe(200);
  await vi.waitFor(() =>
    expect(worker.lines()).toContainEqual(expect.objectContaining({ msg: "ring advanced", step: "init" })),
  );
  expect(await ring()).toMatchObject({ generation: 1 });
  await worker.stop();
});

it("fails where the ring cannot be opened, so that Cloudflare counts it as failed, and says why in the log", async () => {
  const worker = await startWorker({ secrets: { KEYTURN_KEK: "too short" } });
  const response = await fetch(`${worker.url}/cdn-cgi/local/scheduled`);
  expect(response.status).toBe(500);
  await vi.waitFor(() => expect(worker.log().join("\n")).toContain("kek_invalid"));
  expect(worker.log().join("\n")).not.toContain("too short");
  await worker.stop();
});
