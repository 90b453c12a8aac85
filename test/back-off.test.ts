import { expect, it } from "vitest";
import { fullJitterSeconds } from "../src/back-off.ts";

const BACK_OFF = { firstSeconds: 0.1, mostSeconds: 2 };

it("doubles its bound up to a limit", () => {
  const bounds = [1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => fullJitterSeconds(failures, BACK_OFF, 1));
  expect(bounds).toEqual([0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2]);
});

it("is anything from nothing to its bound", () => {
  expect([0, 0.25, 0.5].map((chance) => fullJitterSeconds(3, BACK_OFF, chance))).toEqual([0, 0.1, 0.2]);
});
