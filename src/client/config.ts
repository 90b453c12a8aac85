/** Options, completed with defaults and judged as a whole before anything is done. */
import { systemChance } from "../chance.ts";
import { type Clock, systemClock } from "../clock.ts";
import { KeyturnError, type Problem } from "../errors.ts";
import { isSafeUrl } from "../safe-url.ts";
import { apiTokenFrom } from "./api-token.ts";
import type { OnClientEvent } from "./events.ts";
import type { ClientOptions, TokenStore } from "./options.ts";
import { systemTimer, type Timer } from "./timer.ts";

type Tunable = "prefetchSeconds" | "requestSeconds" | "patienceSeconds" | "requestsMax";

/** Every number, and why it is what it is. */
export const CLIENT_DEFAULTS: Readonly<Record<Tunable, number>> = {
  // Ten minutes of tries outlast most outages; it is also for how long a token and its successor are both good.
  prefetchSeconds: 600,
  // A service nearby answers in milliseconds. What takes longer than this is better asked anew.
  requestSeconds: 5,
  // What someone who signs in still waits for: time enough for two requests that hang.
  patienceSeconds: 10,
  // Enough to keep a server busy while answers travel; more would be a connection each.
  requestsMax: 8,
};

const TUNABLES = Object.keys(CLIENT_DEFAULTS) as Tunable[];

/** What is called, and by which names. */
const SEAMS = {
  tokenStore: ["load", "save"],
  fetch: [""],
  clock: ["now", "monotonic"],
  timer: ["after", "inBackground"],
  random: [""],
  onEvent: [""],
} satisfies Partial<Record<keyof ClientOptions, readonly string[]>>;

const NAMES: readonly string[] = ["url", "apiToken", ...TUNABLES, ...Object.keys(SEAMS)];

/** Everything, complete. */
export interface ClientConfig extends Readonly<Record<Tunable, number>> {
  /** Without a slash at its end. */
  readonly url: string;
  readonly apiToken: string | null;
  readonly tokenStore: TokenStore | null;
  readonly fetch: typeof fetch | null;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly random: () => number;
  readonly onEvent: OnClientEvent;
}

/** @throws KeyturnError `config_invalid`, with every problem */
export function completeOptions(options: ClientOptions): ClientConfig {
  const problems: Problem[] = [];
  const wrong = (at: string, message: string) => void problems.push({ code: "option_invalid", at, message });

  for (const name of Object.keys(options ?? {}))
    if (!NAMES.includes(name)) wrong(name, "Expected no option of that name.");
  const numbers = { ...CLIENT_DEFAULTS };
  for (const name of TUNABLES) numbers[name] = options?.[name] ?? numbers[name];
  for (const name of TUNABLES)
    if (!isAmount(numbers[name], name === "requestsMax")) wrong(name, "Expected a positive number.");
  for (const [name, methods] of Object.entries(SEAMS)) {
    const seam = options?.[name as keyof ClientOptions];
    if (seam !== undefined && !methods.every((method) => isCallable(seam, method)))
      wrong(
        name,
        `Expected ${methods[0] === "" ? "a function" : `an object with ${methods.join(" and ")}`}.`,
      );
  }
  const url = serviceUrl(options?.url);
  if (url === null) wrong("url", "Expected an https URL without a password or a query, or http on loopback.");
  const apiToken = options?.apiToken === undefined ? null : apiTokenFrom(options.apiToken);
  if (options?.apiToken === undefined && options?.tokenStore === undefined)
    wrong("apiToken", "Expected an API token, or a tokenStore that holds one.");
  else if (options.apiToken !== undefined && apiToken === null)
    wrong("apiToken", "Expected an API token, as `keyturn api-token` prints it.");
  if (problems.length > 0 || url === null) throw invalid(problems);

  return {
    ...numbers,
    url,
    apiToken,
    tokenStore: options.tokenStore ?? null,
    fetch: options.fetch ?? null,
    clock: options.clock ?? systemClock,
    timer: options.timer ?? systemTimer,
    random: options.random ?? systemChance,
    onEvent: heard(options.onEvent),
  };
}

/** Whoever can read a request on its way has the API token. */
function serviceUrl(given: unknown): string | null {
  const text = given instanceof URL ? given.href : given;
  if (typeof text !== "string" || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (!isSafeUrl(url) || url.search !== "" || url.hash !== "") return null;
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** An observer's mistakes are not the client's. */
function heard(onEvent: OnClientEvent | undefined): OnClientEvent {
  return (event) => {
    try {
      onEvent?.(event);
    } catch {
      // It has been told.
    }
  };
}

function isCallable(seam: unknown, method: string): boolean {
  return typeof (method === "" ? seam : (seam as Record<string, unknown> | null)?.[method]) === "function";
}

function isAmount(value: unknown, orUnlimited: boolean): boolean {
  if (orUnlimited)
    return value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && Number(value) >= 1);
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function invalid(problems: readonly Problem[]): KeyturnError {
  const list = problems.map(({ at, message }) => `${at}: ${message}`).join(" ");
  return new KeyturnError("config_invalid", `The client's options cannot be used. ${list}`, {
    fix: "Correct them where createClient is called.",
    problems,
  });
}
