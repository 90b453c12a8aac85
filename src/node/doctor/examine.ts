/** All that keyturn relies on and cannot see to by itself, looked at from outside. Nothing is changed. */
import { type Clock, systemClock } from "../../clock.ts";
import { isKeyturnError } from "../../errors.ts";
import { publicJwksUrl } from "../../http/public-jwks.ts";
import type { Config } from "../config.ts";
import { checkApiTokens } from "./api-tokens.ts";
import { checkAuditLog, checkAuditUrl } from "./audit.ts";
import { examineAws } from "./aws.ts";
import { examineKms } from "./aws-kms.ts";
import { checkJwksCaching } from "./caching.ts";
import { checkJwksClock, checkStoreClock } from "./clock.ts";
import { gathered, type RingEvidence } from "./evidence.ts";
import { checkFileSystem, checkFiles } from "./files.ts";
import type { Finding } from "./finding.ts";
import { checkJwksKids } from "./kids.ts";
import { type Answered, checkJwksUrl, isAnswered, publicJwksAt } from "./public-jwks.ts";
import { checkKek, checkRing, checkSteps } from "./ring.ts";

/** @param environment Where secrets may stand; nothing is deleted from it. */
export async function examine(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock = systemClock,
): Promise<Finding[]> {
  const evidence = await gathered(config, environment);
  const { ring } = evidence;
  const url = publicJwksUrl(config);
  const answer = await publicJwksAt(url, config.fetchSeconds, clock);
  const opened = isKeyturnError(ring) ? null : ring;
  const findings = [
    await checkFiles(config, process.getuid?.() ?? null),
    await checkFileSystem(config),
    checkKek(evidence),
    checkRing(evidence),
    ...(await examineAws(config, environment, clock)),
    ...(await examineKms(config, evidence)),
    ...(opened === null ? [] : ofRing(opened, config, clock.now())),
    await checkApiTokens(config, evidence, clock.now()),
    await checkAuditLog(config, opened),
    await checkAuditUrl(config, environment),
    checkJwksUrl(url, answer),
    ...(isAnswered(answer) ? ofJwks(answer, opened, config, clock.now()) : []),
  ];
  return findings.filter((found) => found !== null);
}

function ofRing(opened: RingEvidence, config: Config, now: number): Finding[] {
  return [checkSteps(opened, config, now), checkStoreClock(opened, now)];
}

/** By the ring's policy where it can be read: that is the one in force. */
function ofJwks(answer: Answered, opened: RingEvidence | null, config: Config, now: number): Finding[] {
  const policy = opened?.ring.policy ?? config.policy;
  return [
    checkJwksClock(answer, policy.skewSeconds),
    checkJwksCaching(answer, policy),
    ...(opened === null ? [] : [checkJwksKids(answer, opened.ring, now)]),
  ];
}
