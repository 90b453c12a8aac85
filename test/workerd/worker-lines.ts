/** What Worker and object write to the log in a test, each line of it held to what holds for all. */
import { afterEach, beforeEach, expect, vi } from "vitest";

export interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

const secrets = new Set<string>();
let written: string[] = [];

/** From now on, nothing that is written may hold it. */
export function keepSecret(secret: string): void {
  secrets.add(secret);
}

/** What was written since the test began. */
export function lines(): Line[] {
  return written.map((line) => JSON.parse(line));
}

beforeEach(() => {
  written = [];
  for (const level of LEVELS)
    vi.spyOn(console, level).mockImplementation((...told: unknown[]) => {
      expect(told).toEqual([expect.any(String)]);
      const [line] = told as [string];
      expect(JSON.parse(line).level).toBe(level);
      written.push(line);
    });
});

afterEach(() => {
  const leaks = written.filter((line) => [...secrets].some((secret) => line.includes(secret)));
  vi.restoreAllMocks();
  expect(leaks).toEqual([]);
});
