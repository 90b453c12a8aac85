/**
 * A real `keyturn serve` that signs without pause, while an operator's commands change its ring,
 * is killed at a random moment, again and again. The next one has to carry on as if nothing had been.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/clock.ts";
import { readAuditLog } from "../../src/node/audit-log.ts";
import type { NodeProcess } from "../../src/rehearsal/node-process.ts";
import { verifyChain } from "../../src/ring/audit.ts";
import { KEPT_GENERATIONS } from "../../src/store/file.ts";
import { createVerifier } from "../../src/verifier/index.ts";
import type { Row } from "../proof/section.ts";
import { type Dice, dice } from "./dice.ts";
import { inScratch } from "./scratch.ts";
import { ISSUER, jwksOf, type Signature, signed, startServer } from "./server.ts";
import { part, verdict } from "./verdict.ts";

/** Of the full run. */
const KILLS = 200;
/** Rings whose servers are killed at the same time. */
const LANES = 3;

/** Tokens live through several kills, and their keys through as many turnovers as the JWKS has room for. */
const TOKEN_SECONDS = 60;

const COMMANDS = ["rotate", "pause", "resume"] as const;

export async function killedServers(share: number, seed: number): Promise<Row[]> {
  const kills = Math.ceil(part(share, KILLS) / LANES);
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    inScratch((folder) => new Lane(folder, dice(seed + lane)).live(kills)),
  );
  const lived = await Promise.all(lanes);
  const total = (count: (lane: Lane) => number) => lived.reduce((sum, lane) => sum + count(lane), 0);
  const figure = [
    `${total((lane) => lane.kills)} kills`,
    `${total((lane) => lane.acknowledged.length)} commands acknowledged`,
    `${total((lane) => lane.signed)} tokens signed`,
    `${total((lane) => lane.verified)} verifications after a restart`,
  ].join(", ");
  const violations = lived.flatMap((lane) => lane.violations);
  const idle = total((lane) => lane.verified) === 0 ? ["no token was left to verify"] : [];
  return [verdict("kill -9 of a serving process under load", figure, [...violations, ...idle])];
}

class Lane {
  readonly folder: string;
  readonly dice: Dice;
  readonly violations: string[] = [];
  /** What the command line said is done, by the reason that was given. */
  readonly acknowledged: { readonly reason: string; readonly generation: number }[] = [];
  tokens: Signature[] = [];
  last: NodeProcess | undefined;
  kills = 0;
  signed = 0;
  verified = 0;

  constructor(folder: string, chance: Dice) {
    this.folder = folder;
    this.dice = chance;
  }

  async live(kills: number): Promise<this> {
    try {
      let server = await this.start();
      for (; this.kills < kills; this.kills++) {
        await this.killUnderLoad(server);
        server = await this.start();
        await this.judge(server);
      }
      await this.end(server);
    } catch (error) {
      this.violations.push(`after kill ${this.kills}: ${error}`);
    } finally {
      this.last?.send("SIGKILL");
    }
    return this;
  }

  async start(): Promise<NodeProcess> {
    this.last = await startServer(this.folder, { settings: { tokenSeconds: TOKEN_SECONDS } });
    return this.last;
  }

  async killUnderLoad(server: NodeProcess): Promise<void> {
    const signing = Promise.all([this.sign(server), this.sign(server)]);
    const commanding = this.command(server);
    await delay(this.dice.below(700));
    server.send("SIGKILL");
    await Promise.all([signing, commanding, server.ended]);
  }

  /** Until the server is gone. */
  async sign(server: NodeProcess): Promise<void> {
    for (;;) {
      const answer = await signed(server).catch(() => null);
      if (answer === null) return;
      if (answer.status === 200) this.tokens.push(answer);
      else this.violations.push(`a server refused to sign: ${answer.code}`);
      this.signed += 1;
      await delay(10);
    }
  }

  async command(server: NodeProcess): Promise<void> {
    const reason = `kill ${this.kills + 1}`;
    const name = COMMANDS[this.kills % COMMANDS.length] as string;
    const outcome = (await server.command(name, "--reason", reason)) as {
      changed: boolean;
      generation: number;
    };
    if (outcome.changed) this.acknowledged.push({ reason, generation: outcome.generation });
  }

  async judge(server: NodeProcess): Promise<void> {
    const { generation } = await jwksOf(server);
    const last = this.acknowledged.at(-1);
    if (last !== undefined && generation < last.generation)
      this.violations.push(
        `after kill ${this.kills + 1}: generation ${generation}, and ${last.generation} was acknowledged`,
      );
    await this.verify(server);
  }

  /** Every token that is alive, whichever server signed it. */
  async verify({ url }: NodeProcess): Promise<void> {
    const jwksUrl = `${url}/.well-known/jwks.json`;
    const verifier = createVerifier({ issuer: ISSUER, audience: null, jwksUrl, leewaySeconds: 0 });
    this.tokens = this.tokens.filter(isAlive);
    for (const token of this.tokens) {
      const refusal = await verifier.verify(token.token ?? "").then(
        () => null,
        (error: unknown) => String(error),
      );
      if (refusal === null) this.verified += 1;
      else if (isAlive(token)) this.violations.push(`after kill ${this.kills + 1}: ${refusal}`);
    }
  }

  /** One more commit and an orderly end; then everything is accounted for, and nothing lies about. */
  async end(server: NodeProcess): Promise<void> {
    await server.command("rotate", "--reason", "the last");
    await server.command("pause", "--reason", "the last");
    await server.command("resume", "--reason", "the last");
    const status = await server.stop();
    if (status !== 0) this.violations.push(`the last server ended with status ${status}`);
    const records = await readAuditLog(join(this.folder, "audit.jsonl"));
    await verifyChain(records).catch((error: unknown) => this.violations.push(String(error)));
    const gap = records.findIndex(({ generation }, index) => generation !== index + 1);
    if (gap !== -1) this.violations.push(`generation ${gap + 1} is missing in the audit log, or there twice`);
    for (const { reason } of this.acknowledged) {
      const times = records.filter((record) => record.reason === reason).length;
      if (times !== 1)
        this.violations.push(`an acknowledged command is ${times} times in the audit log: ${reason}`);
    }
    const names = await readdir(join(this.folder, "ring"));
    if (names.length > KEPT_GENERATIONS) this.violations.push(`the folder holds ${names.join(", ")}`);
  }
}

function isAlive({ expiresAt }: Signature): boolean {
  return (expiresAt ?? 0) > systemClock.now() + 1;
}
