/** `rotate rollback revoke pause resume policy rewrap`: an operator's hands on the ring. */
import { userInfo } from "node:os";
import { createInterface } from "node:readline";
import { type Command, Option } from "commander";
import type { Command as Cause, Outcome, RevokeOutcome, RotateOutcome } from "../manager/commands.ts";
import type { KeyManager } from "../manager/manager.ts";
import type { Status } from "../manager/status.ts";
import type { OpenedRing } from "../node/open.ts";
import type { RotationPolicy } from "../ring/policy.ts";
import { command, type Options, option, usage, withJson, withRing, withSettings } from "./command.ts";
import { formatInstant, printNote, printResult, shortKid } from "./print.ts";

export function rotateCommand(): Command {
  const declared = command(
    "rotate",
    "start the next turnover now; no hold is shortened",
    "keyturn rotate",
    'keyturn rotate --reason "quarterly exercise"',
  );
  return changing(declared, (options) =>
    withRing(options, async (manager) => {
      const outcome = await manager.rotate(causeOf(options));
      printResult(outcome, options["json"] === true, () => describeRotation(outcome));
    }),
  );
}

export function rollbackCommand(): Command {
  const declared = command(
    "rollback",
    "let the key that retired last emit again",
    'keyturn rollback --reason "the gateway cannot parse the new kid"',
  );
  return withYes(
    changing(declared, async (options) => {
      requireReason(options);
      await confirm(options, "The emitting key stops signing for good; the one before it signs again.");
      return withRing(options, async (manager) => {
        const outcome = await manager.rollback(causeOf(options) as Cause & { reason: string });
        printResult(outcome, options["json"] === true, () =>
          outcome.changed
            ? `${shortKid(outcome.emitter)} emits again.`
            : `Already rolled back to ${shortKid(outcome.emitter)}.`,
        );
      });
    }),
  );
}

export function revokeCommand(): Command {
  const declared = command(
    "revoke",
    "take a key out of the JWKS at once and for ever",
    'keyturn revoke <kid> --reason "laptop was stolen"',
    'keyturn revoke <the first characters of a kid> --reason "laptop was stolen" --yes',
  ).argument("<kid>", "as `keyturn status` shows it");
  return withYes(
    changing(declared, async (options, given) => {
      requireReason(options);
      return withRing(options, async (manager) => {
        const kid = wholeKid(manager.status(), given as string);
        await confirm(options, `Every token that ${kid} signed is refused from now on.`);
        const outcome = await manager.revoke(kid, causeOf(options) as Cause & { reason: string });
        printResult(outcome, options["json"] === true, () => describeRevocation(outcome));
      });
    }),
  );
}

export function pauseCommand(): Command {
  return simple(
    command(
      "pause",
      "stop the automatic steps; commands still work",
      'keyturn pause --reason "deploying the orders service"',
    ),
    "Paused.",
    "Paused already.",
    (manager, cause) => manager.pause(cause),
  );
}

export function resumeCommand(): Command {
  return simple(
    command("resume", "let the automatic steps go on", "keyturn resume"),
    "Resumed.",
    "Not paused.",
    (manager, cause) => manager.resume(cause),
  );
}

export function rewrapCommand(): Command {
  return simple(
    command(
      "rewrap",
      "move the ring from the previous KEK (--previous-kek-file) to the present one",
      "keyturn rewrap --kek-file new.kek --previous-kek-file old.kek",
    ),
    "The ring is sealed under the present KEK now. When every node has it, delete the previous one.",
    "The ring is sealed under the present KEK already.",
    async (manager, cause, opened) => {
      // The book first: what it cannot be opened with any more must not be all that is left of the old KEK.
      const book = await (await opened.apiTokens()).rewrap();
      const ring = await manager.rewrap(cause);
      return { ...ring, changed: book.changed || ring.changed };
    },
  );
}

export function policyCommand(): Command {
  const declared = command(
    "policy",
    "show where the configured policy differs from the ring's; --apply puts it in force",
    "keyturn policy",
    'keyturn policy --apply --reason "longer sessions"',
  );
  return changing(declared, (options) =>
    withRing(options, async (manager, { policy }) => {
      const before = manager.status().policy;
      const apply = options["apply"] === true;
      const changed = apply && (await manager.applyPolicy(policy, causeOf(options))).changed;
      const differences = differencesOf(before, policy);
      printResult({ changed, differences }, options["json"] === true, () =>
        describeDifferences(differences, apply),
      );
    }),
  ).addOption(new Option("--apply", "put the configured policy in force, for every node"));
}

function changing(
  declared: Command,
  action: (options: Options, argument?: string) => Promise<void>,
): Command {
  const to = withSettings(withJson(declared), false).addOption(
    option("--reason <text>", "why; goes into the audit record"),
  );
  if (to.registeredArguments.length === 0) return to.action((options: Options) => action(options));
  return to.action((given: string, options: Options) => action(options, given));
}

function simple(
  declared: Command,
  done: string,
  nothing: string,
  act: (manager: KeyManager, cause: Cause, opened: OpenedRing) => Promise<Outcome>,
): Command {
  return changing(declared, (options) =>
    withRing(options, async (manager, _config, opened) => {
      const outcome = await act(manager, causeOf(options), opened);
      printResult(outcome, options["json"] === true, () => (outcome.changed ? done : nothing));
    }),
  );
}

export function withYes(to: Command): Command {
  return to.option("--yes", "do not ask; needed where nobody can be asked");
}

const DASHED_KID = /^-[\w-]{42}$|^-[\w-]{3,41}(…|\.\.\.)$/;

const TAKE_ONE: readonly string[] = ["--import-kid", "--anchor"];

/** One kid in 64 begins with a dash. After `--` it cannot be taken for a flag. */
export function kidsLast(args: readonly string[]): string[] {
  // After a flag of its own a kid is taken as it is, and so is a hash, which looks alike.
  const isLoose = (arg: string, i: number) => DASHED_KID.test(arg) && !TAKE_ONE.includes(args[i - 1] ?? "");
  const kids = args.filter(isLoose);
  const others = args.filter((arg, i) => !isLoose(arg, i));
  return kids.length === 0 || args.includes("--") ? [...args] : [...others, "--", ...kids];
}

/** Asks on a terminal; elsewhere the answer must have been given in advance. */
export async function confirm(options: Options, consequence: string): Promise<void> {
  if (options["yes"] === true) return;
  if (!process.stdin.isTTY)
    throw usage("This takes trust away and nobody can be asked.", "Add --yes if it is meant.");
  if (!/^y(es)?$/i.test((await answerTo(`${consequence} Go on? [y/N] `)).trim()))
    throw usage("Not confirmed, nothing was changed.", "Answer y to go on.");
}

/** A line from the terminal; empty when the terminal is closed instead (Ctrl-D, Ctrl-C). */
function answerTo(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    terminal.once("close", () => resolve(""));
    terminal.question(question, (answer) => {
      resolve(answer);
      terminal.close();
    });
  });
}

export function requireReason({ reason }: Options): void {
  if (reason === undefined)
    throw usage("--reason is missing.", 'Say why, like: --reason "laptop was stolen".');
}

function causeOf({ reason }: Options): Cause {
  return typeof reason === "string" ? { actor: actorName(), reason } : { actor: actorName() };
}

/** As audit records name whoever sits at this terminal. */
export function actorName(): string {
  return `cli:${userName()}`;
}

/** In containers it is common for a user to be a number without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/** A shorter beginning is no choice but an accident, such as a variable that was empty. */
const KID_BEGINNING_MIN = 4;

/** A kid may be shortened to a beginning that only one key has. */
export function wholeKid({ keys, revoked }: Pick<Status, "keys" | "revoked">, given: string): string {
  const known = [...keys, ...revoked].map(({ kid }) => kid);
  // An imported key may have a short kid, or one that another begins with.
  if (known.includes(given.trim())) return given.trim();
  const beginning = given.trim().replace(/(…|\.\.\.)$/, "");
  if (beginning.length < KID_BEGINNING_MIN)
    throw usage(
      `At least ${KID_BEGINNING_MIN} characters of a kid are needed.`,
      "`keyturn status` lists the kids.",
    );
  const kids = known.filter((kid) => kid.startsWith(beginning));
  if (kids.length > 1) throw usage("Several keys begin like this.", "Give more of the kid.");
  return kids[0] ?? given;
}

function describeRotation({ rotation, emitter, emitsAt }: RotateOutcome): string {
  const when = emitsAt === null ? "as soon as its hold has passed" : `at ${formatInstant(emitsAt)}`;
  switch (rotation) {
    case "emitted":
      return `${emitter} emits now.`;
    case "scheduled":
      return `The next key emits ${when}, at a tick of a running node.`;
    case "in_progress":
      return `A turnover is in progress: the next key emits ${when}.`;
    case "just_done":
      return `${emitter} took over less than an emit hold ago; that was the turnover.`;
  }
}

function describeRevocation(outcome: RevokeOutcome): string {
  if (outcome.earlyEmit)
    printNote("no successor had passed its hold: until it has, some verifiers may not know the new key");
  return [
    `${outcome.kid} ${outcome.changed ? "is revoked" : "was revoked before"}; ${shortKid(outcome.emitter)} emits.`,
    `Refused by every verifier that honours the cache TTL by ${formatInstant(outcome.refusedByAt)}.`,
    ...outcome.unboundedFor.map((kind) => `No bound for ${kind}.`),
  ].join("\n");
}

type Differences = Readonly<Record<string, { readonly ring: unknown; readonly configured: unknown }>>;

function differencesOf(ring: RotationPolicy, configured: RotationPolicy): Differences {
  const fields = (Object.keys(ring) as (keyof RotationPolicy)[]).filter(
    (field) => ring[field] !== configured[field],
  );
  return Object.fromEntries(
    fields.map((field) => [field, { ring: ring[field], configured: configured[field] }]),
  );
}

function describeDifferences(differences: Differences, applied: boolean): string {
  const lines = Object.entries(differences).map(([name, at]) => `${name}: ${at.ring} → ${at.configured}`);
  if (lines.length === 0) return "The configured policy is in force.";
  return [...lines, applied ? "In force now." : "`keyturn policy --apply` puts it in force."].join("\n");
}
