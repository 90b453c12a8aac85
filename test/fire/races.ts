/**
 * Dozens of real processes act on one ring at the same instant. Each turnover is won by one of them
 * and seen by all; and whatever any of them was told is done stands in the audit log exactly once.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readAuditLog } from "../../src/node/audit-log.ts";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";
import { fileStore } from "../../src/store/file.ts";
import type { Row } from "../proof/section.ts";
import { type Answer, type Order, POLICY } from "./orders.ts";
import { inScratch } from "./scratch.ts";
import { part, verdict } from "./verdict.ts";

/** Of the full run. */
const PROCESSES = 32;
const TURNOVERS = 25;
/** A race needs opponents, however small the share. */
const PROCESSES_MIN = 5;

export async function races(share: number): Promise<Row[]> {
  const processes = Math.max(PROCESSES_MIN, part(share, PROCESSES));
  const turnovers = part(share, TURNOVERS);
  const { rounds, commits, violations } = await inScratch((folder) => race(folder, processes, turnovers));
  const figure = `${processes} processes, ${rounds} rounds, ${turnovers} turnovers, ${commits} commits`;
  return [verdict("processes acting on one ring at the same instant", figure, violations)];
}

interface Given {
  readonly order: Order;
  readonly answers: readonly Answer[];
  readonly reasons: readonly string[];
}

async function race(folder: string, processes: number, turnovers: number) {
  const children = Array.from({ length: processes }, () => fork(ROTATING, [folder], { execArgv: [] }));
  const given: Given[] = [];
  let elapsedSeconds = 0;

  async function all(command: Order["command"], other = command): Promise<readonly Answer[]> {
    const orders = children.map((_, index): Order => {
      const reason = `round ${given.length + 1} by ${index + 1}`;
      return { command: index % 2 === 0 ? command : other, reason, elapsedSeconds };
    });
    const answers = Promise.all(children.map(answerOf));
    for (const [index, child] of children.entries()) child.send(orders[index] as Order);
    const reasons = orders.map(({ reason }) => reason);
    given.push({ order: orders[0] as Order, answers: await answers, reasons });
    return answers;
  }

  try {
    await Promise.all(children.map(answerOf));
    await all("open");
    for (let turnover = 1; turnover <= turnovers; turnover++) {
      elapsedSeconds += POLICY.rotateEverySeconds - 1;
      await all("tick");
      await all("rotate");
      await all("tick");
      await all("pause", "resume");
      await all("resume");
    }
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
  const records = await readAuditLog(join(folder, "audit.jsonl"));
  return {
    rounds: given.length,
    commits: records.length,
    violations: [...oneWinner(given), ...accounts(given, records), ...(await oneHistory(folder, records))],
  };
}

const ROTATING = fileURLToPath(new URL("rotating.ts", import.meta.url));

/** Of all that rotate at once one turns the keys over, and all of them see the same emitter. */
function oneWinner(given: readonly Given[]): string[] {
  return given.flatMap(({ order: { command, reason }, answers }) => {
    if (command !== "rotate" && command !== "open") return [];
    const emitters = new Set(answers.map(({ emitter }) => emitter));
    const winners = answers.filter(({ changed }) => changed === true).length;
    return [
      ...(emitters.size === 1 ? [] : [`after ${reason} there are ${emitters.size} emitters`]),
      ...(command === "open" || winners === 1
        ? []
        : [`of ${answers.length} that rotated at once ${winners} won`]),
    ];
  });
}

/** What was acknowledged is recorded once, what was refused or had nothing to do never. */
function accounts(given: readonly Given[], records: readonly AuditRecord[]): string[] {
  return given.flatMap(({ order: { command }, answers, reasons }) =>
    answers.flatMap(({ changed, generation, refused }, index) => {
      if (command === "open" || command === "tick")
        return refused === undefined ? [] : [`${command}: ${refused}`];
      const found = records.filter(({ reason }) => reason === reasons[index]);
      const isLawful =
        changed === true
          ? found.length === 1 && (found[0] as AuditRecord).generation <= (generation ?? 0)
          : found.length === 0 && (refused === undefined || refused === "conflict");
      if (isLawful) return [];
      return [
        `${command} (${reasons[index]}): ${refused ?? changed}, and ${found.length} times in the audit log`,
      ];
    }),
  );
}

async function oneHistory(folder: string, records: readonly AuditRecord[]): Promise<string[]> {
  const broken = await verifyChain(records).then(
    () => [],
    (error: unknown) => [String(error)],
  );
  const gap = records.findIndex(({ generation }, index) => generation !== index + 1);
  const stored = await fileStore(join(folder, "ring")).load();
  return [
    ...broken,
    ...(gap === -1 ? [] : [`generation ${gap + 1} is missing or there twice`]),
    ...(stored?.revision.startsWith(`${records.length}.`)
      ? []
      : ["the ring is not at the last generation recorded"]),
  ];
}

async function answerOf(child: ChildProcess): Promise<Answer> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, "exit", { signal }).then(() => Promise.reject(new Error("A process has ended.")));
  const said = once(child, "message", { signal }).then(([answer]) => answer as Answer);
  said.catch(() => undefined);
  ended.catch(() => undefined);
  return Promise.race([said, ended]).finally(() => over.abort());
}
