/**
 * Everything at once, at full speed: tokens are signed and verified and the ring is watched and commanded,
 * while its keys and the API tokens turn over. `KEYTURN_MINUTE=1` makes it last a whole minute.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { systemClock } from "../../src/clock.ts";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import { holdProblems } from "../../src/rehearsal/history.ts";
import { createLedger } from "../../src/rehearsal/ledger.ts";
import { POLICY } from "../../src/rehearsal/scale.ts";
import { createTimeline } from "../../src/rehearsal/timeline.ts";
import { startTraffic } from "../../src/rehearsal/traffic.ts";
import { loadVerifiers } from "../../src/rehearsal/verifiers.ts";
import { createVerifier } from "../../src/verifier/index.ts";
import { createAnswers } from "./control-plane/answers.ts";
import { startOperators } from "./control-plane/operators.ts";
import { ISSUER, openPlane } from "./control-plane/plane.ts";
import { AUDIENCE, type Signer, startClientSigner, startPlainSigner } from "./control-plane/signers.ts";
import { newFolder, wholeHistory } from "./servers.ts";

/** Of an API token: the shortest there is. */
const LIFETIME_SECONDS = 60;

const API_TOKEN_TURNOVERS = 3;
const RING_TURNOVERS = 2;

/**
 * How long the load lasts, and when API tokens turn over ahead of time. By itself the client renews after
 * half of a life, which in the minute happens between the two.
 */
const LOAD =
  process.env["KEYTURN_MINUTE"] === "1"
    ? { seconds: 60, client: [10, 50], plain: [15, 30, 45] }
    : { seconds: 20, client: [4, 9, 14], plain: [5, 10, 15] };

/** What an operator is lawfully refused: another was faster. */
const LAWFUL = [
  "POST /v1/ring/pause 412 precondition_failed",
  "POST /v1/ring/rotate 412 precondition_failed",
];

/** Of each kind, on the slowest machine. */
const COMMANDS_MIN = 10;

/** Seconds after which the ring is as good as never going to turn over. */
const PATIENCE_SECONDS = 60;

it("refuses no honest call while ring and API tokens turn over", { timeout: 240_000 }, async () => {
  const folder = await newFolder();
  const timeline = createTimeline();
  const begin = systemClock.monotonic();
  const elapsed = () => systemClock.monotonic() - begin;
  const plane = await openPlane(folder, (line) => {
    // Of the thousands of commits, the turnovers.
    if (line.step === "emit") timeline.hear(line, elapsed());
  });
  const { url, apiToken } = plane.server;
  const jwksUrl = `${url}${JWKS_PATH}`;
  const verifier = createVerifier({
    ...{ issuer: ISSUER, audience: AUDIENCE, jwksUrl },
    leewaySeconds: 0,
    // The server says 4 s, and the floor is meant for longer times.
    minFreshSeconds: 1,
    tokenCache: false,
  });
  const ofClient = createAnswers();
  const ofPlain = createAnswers();
  const ofOperators = createAnswers();

  // The first turnover is near, so that a short load sees two.
  const emits = () => timeline.moments().length;
  await delay(Math.max(0, (POLICY.rotateEverySeconds - 2 - elapsed()) * 1000));
  const emitsBefore = emits();

  const operators = await startOperators(plane, ofOperators, systemClock);
  const told: string[] = [];
  const client = createClient({
    url,
    apiToken: (await plane.issue("signer", LIFETIME_SECONDS)).token,
    fetch: ofClient.fetch,
    onEvent: ({ type }) => told.push(type),
  });
  const byClient = startClientSigner(client, verifier);
  const byPlain = startPlainSigner(url, await plane.issue("signer", LIFETIME_SECONDS), ofPlain, verifier);
  // Verifies what it has signed to the end of its life, at verifiers that ask for the JWKS as seldom as they may.
  const ledger = createLedger();
  const { verifiers } = await loadVerifiers(["keyturn", "jose", "jose-ttl-only"], {
    ...{ jwksUrl, issuer: ISSUER, audience: AUDIENCE },
    alg: POLICY.alg,
    cacheSeconds: POLICY.jwksCacheSeconds,
  });
  const slow = startTraffic({ url, apiToken, audience: AUDIENCE, verifiers, ledger, clock: systemClock });

  const began = systemClock.monotonic();
  await Promise.all([
    delay(LOAD.seconds * 1000),
    turnedOver(byClient, LOAD.client),
    turnedOver(byPlain, LOAD.plain),
  ]);
  const turned = () => emits() - emitsBefore >= RING_TURNOVERS;
  await timeline.until("last turnover", turned, PATIENCE_SECONDS, new AbortController().signal);
  const seconds = systemClock.monotonic() - began;
  const ringTurnovers = emits() - emitsBefore;
  await Promise.all([byClient.stop(), byPlain.stop(), operators.stop(), slow.finish()]);

  const [signedByClient, signedByPlain] = [byClient.books(), byPlain.books()];
  if (LOAD.seconds === 60) {
    const served = [ofClient, ofPlain, ofOperators].map((answers) => answers.served());
    const apiTokens = [ofClient.signingTokens(), ofPlain.signingTokens()];
    const refused = ofOperators.refused();
    const figures = { seconds, ringTurnovers, apiTokens, served, refused, signedByClient, signedByPlain };
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  }

  // Honest calls that were refused: none.
  expect(ofClient.refused()).toEqual({});
  expect(ofPlain.refused()).toEqual({});
  expect(Object.keys(ofOperators.refused()).filter((refusal) => !LAWFUL.includes(refusal))).toEqual([]);
  for (const books of [signedByClient, signedByPlain])
    expect(books).toMatchObject({ rejected: {}, unsigned: {} });
  expect(ledger.read()).toMatchObject({ honestRejections: [], unsigned: [] });
  expect(new Set(told)).toEqual(new Set(["api_token_renewed"]));

  // All of it turned over meanwhile, and each key and each API token was at work.
  expect(ringTurnovers).toBeGreaterThanOrEqual(RING_TURNOVERS);
  for (const answers of [ofClient, ofPlain])
    expect(answers.signingTokens()).toBeGreaterThan(API_TOKEN_TURNOVERS);
  for (const { verified } of [signedByClient, signedByPlain])
    expect(Object.keys(verified).length).toBeGreaterThan(RING_TURNOVERS);
  for (const asked of ["pause", "resume", "rotate", "tick"])
    expect(ofOperators.served()[`POST /v1/ring/${asked}`]).toBeGreaterThan(COMMANDS_MIN);

  expect(await plane.server.stop()).toBe(0);
  expect(holdProblems(await wholeHistory(folder), POLICY)).toEqual([]);
});

async function turnedOver(signer: Signer, seconds: readonly number[]): Promise<void> {
  let passed = 0;
  for (const at of seconds) {
    await delay((at - passed) * 1000);
    passed = at;
    await signer.turnOver();
  }
}
