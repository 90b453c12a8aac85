/**
 * Makes keys.example.json anew: `npm run example`. Needed only when the form of the document
 * changes; the keys are random and thrown away.
 */
import { generateKey } from "../../dist/keys/generate.js";
import { EXAMPLE_KEK, parseKek } from "../../dist/keys/kek.js";
import { sealRing } from "../../dist/keys/sealed-ring.js";
import { recorded } from "../../dist/manager/commit.js";
import { parsePolicy } from "../../dist/ring/policy.js";
import type { KeyRing, NewKey } from "../../dist/ring/ring.js";
import { accept, type Change, emit, firstRing, revoke } from "../../dist/ring/step.js";

/** Says in every tool that shows a ring id what this one is. */
export const EXAMPLE_RING_ID = "EXAMPLE-ring-never-use-in-production";

/** 2026-01-01 00:00:00 UTC */
const BORN_AT = 1_767_225_600;
const MONTH = 30 * 86_400;

export async function exampleRing(): Promise<string> {
  const kek = await parseKek(EXAMPLE_KEK, { allowExample: true });
  const policy = parsePolicy({});
  const key = (): Promise<NewKey> => generateKey(policy, EXAMPLE_RING_ID, kek);
  const [first, second, third, fourth] = [await key(), await key(), await key(), await key()];

  const commit = (base: KeyRing | null, change: Change, at: number) =>
    recorded(base, change, at, {
      trigger: "automatic",
      actor: base === null ? "init" : "schedule",
      reason: null,
    });

  const one = BORN_AT + MONTH;
  const two = one + MONTH;
  let ring = await commit(null, firstRing(EXAMPLE_RING_ID, policy, [first, second], BORN_AT, true), BORN_AT);
  ring = await commit(ring, emit(ring, second.kid, one), one);
  ring = await commit(ring, accept(ring, third, one + 60, true), one + 60);
  ring = await commit(ring, revoke(ring, first.kid, "retired", one + 1260, null) as Change, one + 1260);
  ring = await commit(ring, emit(ring, third.kid, two), two);
  ring = await commit(ring, accept(ring, fourth, two + 60, true), two + 60);
  return sealRing(ring, kek);
}

if (import.meta.main) process.stdout.write(await exampleRing());
