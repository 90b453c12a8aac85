/** All of workerd killed in the middle of a turnover, under load: what it has said before still holds afterwards. */
import { expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { signedEnough } from "../../src/rehearsal/acts.ts";
import { JWKS_PATH, startEdge } from "../../src/rehearsal/edge.ts";
import { holdProblems } from "../../src/rehearsal/history.ts";
import { createLedger, type Ledger } from "../../src/rehearsal/ledger.ts";
import { problemsOf } from "../../src/rehearsal/report.ts";
import { POLICY } from "../../src/rehearsal/scale.ts";
import { createTimeline, type Moment } from "../../src/rehearsal/timeline.ts";
import { startTraffic } from "../../src/rehearsal/traffic.ts";
import { loadVerifiers, VERIFIERS, type VerifierName } from "../../src/rehearsal/verifiers.ts";
import { verifyChain } from "../../src/ring/audit.ts";
import { hear, operatorOver, REHEARSED_VARS } from "./rehearsal-worker.ts";
import { SECRETS, startWorker } from "./running-worker.ts";

const NAMES = Object.keys(VERIFIERS) as VerifierName[];
const AUDIENCE = "killed";

/** An emit hold, and what a start takes on a busy machine. */
const PATIENCE_SECONDS = 60;

it("rejects no honest token after workerd was killed in mid-turnover, twice, and goes on where it was", {
  timeout: 150_000,
}, async ({ signal, onTestFinished }) => {
  const worker = await startWorker({ vars: REHEARSED_VARS });
  const { url } = worker;
  const operator = operatorOver(url, SECRETS.KEYTURN_ADMIN_TOKEN);
  await operator.status();
  const begin = systemClock.monotonic();
  const timeline = createTimeline();
  onTestFinished(hear(worker, (line) => timeline.hear(line, systemClock.monotonic() - begin)));
  const edge = await startEdge(url, systemClock);
  onTestFinished(edge.close);
  const { verifiers } = await loadVerifiers(
    NAMES,
    {
      ...{ jwksUrl: edge.jwksUrl, issuer: url, audience: AUDIENCE, alg: POLICY.alg },
      cacheSeconds: POLICY.jwksCacheSeconds,
    },
    `${url}${JWKS_PATH}`,
  );
  const { ledger, whileDown } = ledgerOfUptime();
  const apiToken = SECRETS.KEYTURN_API_TOKEN;
  const load = { url, apiToken, audience: AUDIENCE, verifiers, ledger, clock: systemClock };
  let traffic = startTraffic(load);
  onTestFinished(() => traffic.stop());

  const until = (what: string, matches: (moment: Moment) => boolean) =>
    timeline.until(what, matches, PATIENCE_SECONDS, signal);
  async function kill(): Promise<void> {
    await whileDown(() => Promise.all([worker.restart("SIGKILL"), traffic.stop()]));
    // What was signed before is as good as ever, by all that verifiers know and can ask.
    await traffic.finish();
    traffic = startTraffic(load);
  }

  const first = await until("successor that emits", ({ event }) => event === "emit");
  await kill();
  const next = await until("next key that is accepted", ({ event }) => event === "accept");
  await kill();
  await until(
    "revoke of the first key",
    ({ event, oldKid }) => event === "revoke" && oldKid === first.oldKid,
  );
  await until("second turnover", ({ event, newKid }) => event === "emit" && newKid === next.newKid);
  await signedEnough({ ledger, signal }, next.newKid as string);
  await traffic.finish();

  const records = await operator.audit();
  await verifyChain(records);
  expect(records.map(({ generation }) => generation)).toEqual(records.map((_, i) => i + 1));
  expect(holdProblems(records, POLICY)).toEqual([]);
  expect(problemsOf(ledger.read(), timeline.moments(), verifiers, null)).toEqual([]);
});

/** Books in which nothing stands of the time in which there was no server. */
function ledgerOfUptime() {
  const books = createLedger();
  let down = false;
  const ledger: Ledger = {
    ...books,
    unsigned: (why) => down || books.unsigned(why),
    rejected: (rejection) => down || books.rejected(rejection),
  };
  async function whileDown(work: () => Promise<unknown>): Promise<void> {
    down = true;
    await work();
    down = false;
  }
  return { ledger, whileDown };
}
