/** `status`, `plan` and `jwks`: what there is to see of the ring. They change nothing. */
import type { Command } from "commander";
import type { Status } from "../manager/status.ts";
import { formatDuration } from "../ring/duration.ts";
import type { PlannedStep } from "../ring/plan.ts";
import { spelled } from "../ring/policy.ts";
import { command, type Options, withJson, withRing, withSettings } from "./command.ts";
import { drawLanes } from "./lanes.ts";
import { formatInstant, printResult, shortKid } from "./print.ts";

/** Steps that `plan` looks ahead: one whole turnover and the beginning of the next. */
const PLANNED_STEPS = 6;

export function statusCommand(): Command {
  return withSettings(
    withJson(
      command(
        "status",
        "show the keys, their phases and the next step",
        "keyturn status",
        "keyturn status --json --config /etc/keyturn.yaml",
      ),
    ),
    false,
  ).action((options: Options) =>
    withRing(options, async (manager) => {
      const status = manager.status();
      const plan = manager.plan(PLANNED_STEPS);
      printResult(
        status,
        options["json"] === true,
        () => `${describeStatus(status)}\n\n${drawLanes(status, plan)}`,
      );
    }),
  );
}

export function planCommand(): Command {
  return withSettings(
    withJson(
      command("plan", "show the next steps with their instants and every term of every hold", "keyturn plan"),
    ),
    false,
  ).action((options: Options) =>
    withRing(options, async (manager) => {
      const plan = manager.plan(PLANNED_STEPS);
      printResult(plan, options["json"] === true, () => describePlan(plan, manager.status()));
    }),
  );
}

export function jwksCommand(): Command {
  return withSettings(
    withJson(command("jwks", "print the JWKS as it is served now", "keyturn jwks > jwks.json")),
    false,
  ).action((options: Options) =>
    withRing(options, async (manager) => {
      printResult(manager.jwks(), true, () => "");
    }),
  );
}

/** One line for each thing that an operator should know, the worrying ones in words. */
export function describeStatus(status: Status): string {
  const lines = [
    `ring        ${status.ring}, generation ${status.generation}, sealed under KEK ${status.kek}`,
    `emitting    ${status.emitter} (${status.alg})`,
    `next step   ${describeNext(status)}`,
  ];
  if (status.pausedAt !== null)
    lines.push(`paused      since ${formatInstant(status.pausedAt)}; \`keyturn resume\` goes on`);
  if (status.overdueSince !== null) {
    lines.push(
      `overdue     since ${formatInstant(status.overdueSince)}: no node ticks, or its ticks fail; see its log`,
    );
  }
  if (!status.policyMatches) {
    lines.push(
      "policy      this configuration's policy is not the ring's; `keyturn policy` shows the difference",
    );
  }
  return lines.join("\n");
}

export function describeNext({ nextStep, now }: Status): string {
  if (nextStep === null) return "none";
  const wait = nextStep.at - now;
  return `${nextStep.step}${nextStep.kid === null ? " a new key" : ` ${shortKid(nextStep.kid)}`} ${
    wait <= 0 ? "at the next tick" : `at ${formatInstant(nextStep.at)} (in ${formatDuration(wait)})`
  }`;
}

function describePlan(plan: readonly PlannedStep[], status: Status): string {
  const steps = plan.flatMap(({ step, kid, at, hold }) => [
    `${formatInstant(at)}  ${step.padEnd(7)} ${kid === null ? "(a new key)" : kid}`,
    ...(hold === null
      ? []
      : [
          `    hold ${formatDuration(hold.seconds)}: ${
            hold.decidedBy === "overlap" ? "the overlap, at least" : "the sum of"
          } ${spelled(hold.terms)}`,
        ]),
  ]);
  return `${steps.join("\n")}\n\n${drawLanes(status, plan)}`;
}
