/** Sequences that the search has found, kept by name: each once came to another end. */
import { expect, it } from "vitest";
import { kidIn, kidsIn, openAlone, SHORT, SHORT_HOLD } from "../manager/fleet.ts";

it("a key whose algorithm was given up waits for its successor's hold, not for its own", async () => {
  const { keys, clock } = await openAlone({ policy: SHORT });
  const standby = kidIn(keys, "accepted");
  clock.advance(2);
  await keys.applyPolicy({ ...SHORT, alg: "EdDSA" });
  clock.advance(SHORT_HOLD - 2);
  await keys.tick();
  const superseded = kidsIn(keys, "accepted").find((kid) => kid !== standby);
  await keys.applyPolicy(SHORT);
  // The standby of the algorithm that is wanted again is ripe; the clock has not jumped.
  expect(await keys.tick()).toMatchObject({ step: { step: "revoke", kid: superseded }, blocked: null });
});

it("a clock that jumps ahead takes no old standby away before its successor is ripe", async () => {
  const { keys, clock } = await openAlone({ policy: SHORT });
  clock.advance(SHORT_HOLD);
  await keys.applyPolicy({ ...SHORT, alg: "EdDSA" });
  await keys.tick();
  expect(kidsIn(keys, "accepted")).toHaveLength(2);
  clock.wall += SHORT_HOLD + 5;
  expect(await keys.tick()).toMatchObject({ step: null, blocked: "clock_forward" });
});
