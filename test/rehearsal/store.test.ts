/** The secrets of a rehearsal go when it ends, also where the service is slow or puts it off. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { inSecrets } from "../../src/rehearsal/store.ts";
import { onAws } from "../node/on-aws.ts";

const world = onAws();
const FOR_EVER = { times: 1000 };

beforeEach(async () => {
  for (const [name, value] of Object.entries(await world.environment())) vi.stubEnv(name, value);
  return () => void vi.unstubAllEnvs();
});

function rehearsal() {
  const { endpoint, region } = world.aws;
  const store = inSecrets({ secretId: `${world.name}/ring`, region, endpoint });
  const name = String(store.settings["secretId"]);
  const names = [name, `${name}-api-token-book`];
  return { ...store, names };
}

describe("the secrets of a rehearsal", () => {
  it.each(["throttled", "unavailable", "lost_request", "lost_answer"] as const)(
    "are removed although one DeleteSecret is %s",
    async (fault) => {
      const { names, remove } = rehearsal();
      for (const Name of names)
        world.aws.arrange("CreateSecret", {
          Name,
          SecretString: "x",
          ClientRequestToken: crypto.randomUUID(),
        });
      world.aws.fault("DeleteSecret", fault, {});
      await remove();
      expect(names.map((each) => world.aws.secret(each))).toEqual([null, null]);
    },
  );

  it("are named where they are left, in bounded time", async () => {
    const { names, remove } = rehearsal();
    world.aws.fault("DeleteSecret", "throttled", FOR_EVER);
    await expect(remove()).rejects.toMatchObject({
      code: "rehearsal_failed",
      message: expect.stringContaining(`These secrets are left: ${names.join(", ")}.`),
    });
  });

  it("are removed although one DeleteSecret is never answered", { timeout: 20_000 }, async () => {
    world.aws.fault("DeleteSecret", "hangs", {});
    await rehearsal().assertRemovable();
  });
});
