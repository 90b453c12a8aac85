/** `rehearse`: a turnover, a rollback and an emergency on this machine, in about a minute. */
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { KeyturnError } from "../errors.ts";
import { nodeServer } from "../rehearsal/node-server.ts";
import { rehearse } from "../rehearsal/rehearsal.ts";
import { emittedKids, type Report } from "../rehearsal/report.ts";
import type { SecretToRehearse } from "../rehearsal/store.ts";
import type { Moment } from "../rehearsal/timeline.ts";
import { isVerifierName, VERIFIERS, type VerifierName } from "../rehearsal/verifiers.ts";
import { type Options, option, usage, withJson } from "./command.ts";
import { printNote, printResult, shortKid } from "./print.ts";

const NAMES = Object.keys(VERIFIERS) as VerifierName[];

const EXAMPLES = [
  "keyturn rehearse",
  "keyturn rehearse --verifiers jose --json",
  "keyturn rehearse --store aws --secret-id keyturn/ring",
];

export function rehearseCommand(): Command {
  return withJson(
    new Command("rehearse")
      .description("play a turnover, a rollback and an emergency against independent verifiers, in a minute")
      .addOption(
        option(
          "--verifiers <names>",
          `only these, with commas: ${NAMES.join(", ")}. Default: all that are installed.`,
        ),
      )
      .addOption(
        option(
          "--store <store>",
          "where its ring is kept: file, in a folder of its own, or aws. Default: file.",
        ),
      )
      .addOption(
        option(
          "--secret-id <id>",
          "with aws: the ring's secret. It is left alone: secrets of that name and -rehearsal-… are made, and deleted at the end.",
        ),
      )
      .addOption(option("--aws-region <region>", "region of the secrets. Default: what the SDK finds."))
      .addOption(option("--aws-endpoint <url>", "where the service answers. Default: what the SDK finds.")),
  )
    .addHelpText("after", `\nExamples:\n${EXAMPLES.map((example) => `  ${example}`).join("\n")}`)
    .action(async (options: Options) => {
      const json = options["json"] === true;
      const report = await rehearse({
        verifiers: verifiersOf(options["verifiers"]),
        rehearsed: nodeServer({
          cli: fileURLToPath(new URL("./main.js", import.meta.url)),
          environment: environmentOfItsOwn(),
          secret: secretOf(options),
        }),
        // The play goes to stdout as it goes on; with --json that is kept for the report.
        onAct: (act) => (json ? printNote(act) : process.stdout.write(`\n${act}\n`)),
        onMoment: (moment) =>
          json ? printNote(described(moment)) : process.stdout.write(`${described(moment)}\n`),
        signal: interruption(),
      });
      printResult(report, json, () => describeReport(report));
      if (!report.passed) throw notPassed(report);
    });
}

function verifiersOf(given: Options[string]): VerifierName[] {
  if (typeof given !== "string") return NAMES;
  return given.split(",").map((text) => {
    const name = text.trim();
    if (isVerifierName(name)) return name;
    throw usage("--verifiers names one that there is not.", `Known are: ${NAMES.join(", ")}.`);
  });
}

function secretOf({ store, secretId, awsRegion, awsEndpoint }: Options): SecretToRehearse | undefined {
  if (store === "aws" || store === "aws-secrets-manager") {
    if (typeof secretId !== "string")
      throw usage("--secret-id is missing.", "Name the ring's secret, beside which it is to be played.");
    return {
      secretId,
      ...(typeof awsRegion === "string" ? { region: awsRegion } : {}),
      ...(typeof awsEndpoint === "string" ? { endpoint: awsEndpoint } : {}),
    };
  }
  if (store !== undefined && store !== "file")
    throw usage("--store names one that there is not.", "Known are: file, aws-secrets-manager (short: aws).");
  if ([secretId, awsRegion, awsEndpoint].some((given) => given !== undefined))
    throw usage("An option of AWS is given without it.", "Add --store aws, or leave it out.");
  return undefined;
}

/** Settings and secrets of a deployment that may be on this machine have no part in a rehearsal. */
function environmentOfItsOwn(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KEYTURN_")));
}

/** Aborts at the first signal that asks to end, so that server and folder go too; a second one does not wait. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  const ask = () => {
    if (interrupted.signal.aborted) process.exit(1);
    interrupted.abort(
      new KeyturnError("rehearsal_failed", "The rehearsal was stopped before its end.", {
        fix: "Run it again; it takes about a minute.",
      }),
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, ask);
  return interrupted.signal;
}

function described({ atSeconds, event, oldKid, newKid, trigger, reason }: Moment): string {
  const kids = [oldKid, newKid].filter((kid) => kid !== null).map(shortKid);
  const who = trigger === "automatic" ? "" : `by the operator${reason === null ? "" : `: ${reason}`}`;
  return `${atSeconds.toFixed(1).padStart(6)} s  ${event.padEnd(8)}  ${kids.join(" → ").padEnd(29)}  ${who}`.trimEnd();
}

function describeReport(report: Report): string {
  const { missing, emergency, honestRejections, revokedRejections, edge, seconds, store, passed } = report;
  return [
    "",
    "Tokens verified (and how often: when new, every 2 s, in the last second of their life or the rehearsal's):",
    "",
    ...describeTable(report),
    "",
    ...(missing.length === 0 ? [] : [`Left out, not installed: ${missing.join(", ")}.`]),
    `An edge cache answered ${edge.served} JWKS requests with ${edge.fetched} fetches.`,
    ...(emergency === null ? [] : describeEmergency(emergency, revokedRejections)),
    `Rejections of honest tokens: ${honestRejections.length}.`,
    `The ring was kept in ${store}.`,
    `${passed ? "Passed" : "Failed"} in ${Math.round(seconds)} s.`,
  ].join("\n");
}

const COLUMN_WIDTH = 16;

/** A line for each key that emitted: tokens, and in brackets how often they were verified in all. */
function describeTable({ timeline, verifiers, signedBy, verified }: Report): string[] {
  const row = (cells: readonly string[]) => cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join("");
  return [
    row(["kid", "signed", ...verifiers]),
    ...emittedKids(timeline).map((kid) =>
      row([
        shortKid(kid),
        String(signedBy[kid] ?? 0),
        ...verifiers.map((name) => {
          const { tokens = 0, checks = 0 } = verified[name]?.[kid] ?? {};
          return `${tokens} (${checks})`;
        }),
      ]),
    ),
  ];
}

function describeEmergency(
  { kid, boundSeconds, refusedAfterSeconds }: NonNullable<Report["emergency"]>,
  revokedRejections: number,
): string[] {
  const entries = Object.entries(refusedAfterSeconds);
  const refused = entries.flatMap(([name, after]) => (after === null ? [] : [`${name} ${after} s`]));
  const trusting = entries.flatMap(([name, after]) => (after === null ? [name] : []));
  return [
    `The revoked ${shortKid(kid)} was refused after: ${refused.join(", ")} (bound ${boundSeconds} s); ` +
      `its tokens were rejected ${revokedRejections} times.`,
    ...trusting.map((name) =>
      name === "get-jwks"
        ? "get-jwks still trusts it: it falls back to a key that it once knew. Restart such verifiers after a leak."
        : `${name} still trusts it.`,
    ),
  ];
}

function notPassed({ problems }: Report): KeyturnError {
  return new KeyturnError("rehearsal_failed", "The rehearsal did not pass. See the problems.", {
    fix: "Rehearse again on an idle machine; if it lasts, please report it with the output of --json.",
    problems: problems.map((message) => ({ code: "rehearsal_failed", at: "rehearsal", message })),
  });
}
