/** The rehearsal of `keyturn rehearse`, played to the Worker: the same acts, verifiers and judges. */
import { expect, it } from "vitest";
import type { RevokeView } from "../../src/http/admin/answers.ts";
import { rehearse } from "../../src/rehearsal/rehearsal.ts";
import { emittedKids } from "../../src/rehearsal/report.ts";
import { VERIFIERS, type VerifierName } from "../../src/rehearsal/verifiers.ts";
import { rehearsedWorker } from "./rehearsal-worker.ts";

const NAMES = Object.keys(VERIFIERS) as VerifierName[];
const DIRECTLY = NAMES.map((name) => `${name}, directly`);

it("rejects no honest token through a turnover, a rollback and an emergency revoke at the edge", {
  timeout: 150_000,
}, async ({ signal }) => {
  const revoked: RevokeView[] = [];
  const report = await rehearse({
    rehearsed: rehearsedWorker((answer) => revoked.push(answer)),
    verifiers: NAMES,
    alsoDirectly: true,
    signal,
  });

  expect(report.problems).toEqual([]);
  expect(report.honestRejections).toEqual([]);
  expect(report.unsigned).toEqual([]);
  expect(report.passed).toBe(true);

  const events = report.timeline.map(({ event, trigger }) => `${trigger} ${event}`);
  expect(events.slice(0, 5)).toEqual([
    "automatic init",
    "automatic emit",
    "automatic accept",
    "automatic revoke",
    "automatic emit",
  ]);
  expect(events.slice(5)).toEqual(
    expect.arrayContaining(["manual rollback", "automatic accept", "manual revoke"]),
  );

  expect(report.missing).toEqual([]);
  expect(report.verifiers).toEqual([...NAMES, ...DIRECTLY]);
  const kids = emittedKids(report.timeline);
  expect(kids).toHaveLength(4);
  for (const verifier of report.verifiers) {
    for (const kid of kids) {
      expect(report.verified[verifier]?.[kid]?.tokens, `${verifier}, ${kid}`).toBeGreaterThanOrEqual(10);
    }
  }

  expect(report.emergency?.successor).toBe(kids[3]);
  expect(report.revokedRejections).toBeGreaterThan(0);
  for (const verifier of report.verifiers.filter((name) => !name.startsWith("get-jwks"))) {
    expect(report.emergency?.refusedAfterSeconds[verifier], verifier).toBeLessThanOrEqual(14);
  }
  expect(revoked).toEqual([expect.objectContaining({ edge: expect.objectContaining({ purged: true }) })]);
});
