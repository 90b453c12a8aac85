/** What a ring in AWS Secrets Manager relies on: permissions, the secrets' own settings, room, the clock. */
import { awsOptionsFor, whereOf } from "../../aws/options.ts";
import { type SecretsManager, secretsManagerOf } from "../../aws/secrets-manager.ts";
import type { Clock } from "../../clock.ts";
import { isKeyturnError } from "../../errors.ts";
import type { Config } from "../config.ts";
import { checkPermissions } from "./aws-permissions.ts";
import { type Prober, probed, probedValue } from "./aws-probe.ts";
import { checkSecrets, checkVersions } from "./aws-secret.ts";
import { checkServiceClock, type Dated } from "./clock.ts";
import { type Finding, failing, faulty } from "./finding.ts";

/** @param environment a KEK in it is the one that counts. */
export async function examineAws(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<Finding[]> {
  const ids = config.store === "file" ? [] : [config.secretId, config.apiTokensSecretId];
  const kekId = environment["KEYTURN_KEK"] === undefined ? config.kekSecretId : null;
  if (ids.length === 0 && kekId === null) return [];
  const dates = datesSeen(clock);
  const proberFor = (id: string) => proberOf(id, config, dates);
  const secrets = [];
  let kek = null;
  try {
    for (const id of ids.filter((each) => each !== null)) secrets.push(await probed(await proberFor(id), id));
    if (kekId !== null) kek = { id: kekId, got: await probedValue(await proberFor(kekId), kekId) };
  } catch (error) {
    if (isKeyturnError(error)) return [faulty("aws-sdk", failing(error.message, error.fix))];
    throw error;
  }
  const described = secrets.flatMap((each) =>
    "answer" in each.described ? [{ id: each.id, described: each.described.answer }] : [],
  );
  const listed = secrets.flatMap((each) =>
    "answer" in each.listed ? [{ id: each.id, listed: each.listed.answer }] : [],
  );
  const last = dates.latest();
  return [
    ...checkPermissions(secrets, kek, { writes: config.steps === "on" }),
    ...(described.length === 0 ? [] : [checkSecrets(described)]),
    // Only where it may be looked at: no node needs it.
    ...(listed.length === 0 ? [] : [checkVersions(listed, clock.now())]),
    ...(last === null ? [] : [checkServiceClock(last, config.policy.skewSeconds)]),
  ];
}

/** Where the node looks for it. @throws KeyturnError `config_invalid` */
async function proberOf(id: string, config: Config, dates: DatesSeen): Promise<Prober> {
  const options = awsOptionsFor(id, config);
  const aws = await secretsManagerOf(options)();
  dates.listenTo(aws);
  return { aws, where: whereOf(options) };
}

/** Of the service's clock. */
interface DatesSeen {
  listenTo(aws: SecretsManager): void;
  /** Of the latest answer that had one. */
  latest(): Dated | null;
}

function datesSeen(clock: Clock): DatesSeen {
  let seen: Dated | null = null;
  return {
    listenTo({ client }) {
      client.middlewareStack.add(
        (next) => async (args) => {
          const askedAt = clock.now();
          const result = await next(args);
          const date = dateOf(result.response);
          if (date !== null) seen = { date, askedAt, answeredAt: clock.now() };
          return result;
        },
        { step: "deserialize", name: "keyturnDates" },
      );
    },
    latest: () => seen,
  };
}

function dateOf(response: unknown): string | null {
  const { headers } = response as { readonly headers?: Readonly<Record<string, string>> };
  return headers?.["date"] ?? null;
}
