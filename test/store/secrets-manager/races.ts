/** Writers that all commit on one revision, round after round. `npm test` runs a few, a proof as many as it likes. */
import { isKeyturnError } from "../../../src/errors.ts";
import type { RingStore } from "../../../src/store/store.ts";
import { startAwsService } from "../../aws/service.ts";
import { BETWEEN_COMMITS_SECONDS, LABELS_AT_REST, openStore } from "./stores.ts";

export interface RaceResult {
  readonly rounds: number;
  /** What was not as it must be, in words. */
  readonly faults: readonly string[];
  readonly versions: number;
  readonly callsPerRound: number;
}

export async function race(writers: number, rounds: number): Promise<RaceResult> {
  let now = 1_800_000_000;
  const aws = await startAwsService({ now: () => now });
  const stores = Array.from({ length: writers }, () => openStore(aws, { secretId: "ring" }));
  const faults: string[] = [];
  let versions = 0;
  let calls = 0;
  let revision: string | null = null;
  for (let round = 1; round <= rounds; round++) {
    now += BETWEEN_COMMITS_SECONDS;
    const outcomes = await Promise.allSettled(
      stores.map((store, writer) => store.replace(documentOf(round, writer), revision)),
    );
    const winners = outcomes.flatMap((outcome, writer) =>
      outcome.status === "fulfilled" ? [{ writer, revision: outcome.value }] : [],
    );
    const strange = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" && !isKeyturnError(outcome.reason, "conflict") ? [outcome.reason] : [],
    );
    faults.push(...strange.map((error) => `round ${round}: a loser was told ${String(error)}`));
    const [winner] = winners;
    if (winner === undefined || winners.length > 1) {
      faults.push(`round ${round}: ${winners.length} winners`);
      break;
    }
    revision = winner.revision;
    const stored = await (stores[(round * 7) % writers] as RingStore).load();
    if (stored?.revision !== revision || stored.document !== documentOf(round, winner.writer))
      faults.push(`round ${round}: what was committed is not what is loaded`);
    const secret = aws.secret("ring");
    versions = Math.max(versions, secret?.versions.length ?? 0);
    const labels = Object.keys(secret?.labels ?? {});
    if (labels.some((label) => !LABELS_AT_REST.includes(label)) || secret?.labels.AWSCURRENT !== revision)
      faults.push(`round ${round}: labels ${JSON.stringify(secret?.labels)}`);
    // A round begins from the version that the one before has made, and leaves one more.
    if (round <= 95 && secret?.versions.length !== round)
      faults.push(`round ${round}: ${secret?.versions.length} versions`);
    calls += aws.calls.length;
    aws.forgetCalls();
  }
  await aws.stop();
  return { rounds, faults, versions, callsPerRound: Math.round(calls / rounds) };
}

function documentOf(round: number, writer: number): string {
  return JSON.stringify({ ring: { id: "r", generation: round, writer } });
}
