import { expect, it } from "vitest";
import { openAlone, pass, settle } from "./fleet.ts";

it("takes no step while its node is told not to, and goes on where it stopped", async () => {
  let on = false;
  const node = await openAlone({ stepsOn: async () => on });
  expect(await node.keys.tick()).toMatchObject({ step: null, blocked: null });
  await pass(node, 31 * 86_400);
  expect(await node.keys.tick()).toMatchObject({ step: null, blocked: "steps_off" });
  expect(node.events.at(-1)).toEqual({ type: "step_blocked", because: "steps_off" });
  on = true;
  expect(await settle(node)).toEqual(["emit", "accept"]);
});

it("still does what an operator asks for", async () => {
  const node = await openAlone({ stepsOn: async () => false });
  await pass(node, 2000);
  expect((await node.keys.rotate()).rotation).toBe("emitted");
});
