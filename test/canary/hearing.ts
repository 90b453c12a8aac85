/** Everything that got out, kept by where it came from until all the secrets are known. */
import { inspect } from "node:util";
import { type Leak, scanner } from "./scanner.ts";
import type { Secret } from "./writings.ts";

export interface Hearing {
  /** Bytes or text, as they were written. */
  hear(source: string, said: Uint8Array | string): void;
  /** A value of the program, in all that a program can show of it. */
  show(source: string, value: unknown): void;
  /** What a promise comes to, whichever it is; and shows it. */
  settle(source: string, work: unknown): Promise<unknown>;
  /** Of one source, as text. */
  textOf(source: string): string;
  readonly sources: readonly string[];
  /** @param isWanted which sources to look at. Default: all. */
  search(secrets: readonly Secret[], isWanted?: (source: string) => boolean): Searched;
}

export interface Searched {
  readonly leaks: readonly Leak[];
  readonly bytesScanned: number;
}

/** As deep as anybody looks. */
const INSPECTED = {
  depth: 10,
  showHidden: true,
  getters: true,
  maxStringLength: null,
  maxArrayLength: null,
} as const;

export function hearing(): Hearing {
  const heard = new Map<string, Uint8Array[]>();

  function hear(source: string, said: Uint8Array | string): void {
    const parts = heard.get(source) ?? [];
    heard.set(source, parts);
    parts.push(typeof said === "string" ? Buffer.from(said) : said);
  }

  function show(source: string, value: unknown): void {
    for (const text of textsOf(value)) hear(source, `${text}\n`);
  }

  return {
    hear,
    show,
    async settle(source, work) {
      const outcome: unknown = await Promise.resolve(work).catch((error: unknown) => error);
      show(source, outcome);
      return outcome;
    },
    textOf: (source) => Buffer.concat(heard.get(source) ?? []).toString(),
    get sources() {
      return [...heard.keys()];
    },
    search(secrets, isWanted = () => true) {
      const found = scanner(secrets);
      for (const [source, parts] of heard) if (isWanted(source)) found.scan(source, Buffer.concat(parts));
      return found;
    },
  };
}

function textsOf(value: unknown): string[] {
  const texts = [inspect(value, INSPECTED), String(value), jsonOf(value)];
  if (value instanceof Error)
    texts.push(value.stack ?? "", value.message, jsonOf({ ...value }), inspect(value.cause, INSPECTED));
  return texts;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}
