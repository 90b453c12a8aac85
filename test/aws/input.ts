/** What was asked, member by member, within the lengths that the service's model gives. */
import { Refusal } from "./refusal.ts";

export type Input = Readonly<Record<string, unknown>>;

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Text of `min` to `max` characters; undefined where the member is not there. */
export function text(input: Input, member: string, { min, max }: Bounds): string | undefined {
  const value = input[member] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw unreadable(member);
  if (value.length < min) throw constraint(member, `Member must have length greater than or equal to ${min}`);
  if (value.length > max) throw constraint(member, `Member must have length less than or equal to ${max}`);
  return value;
}

export function required(input: Input, member: string, bounds: Bounds): string {
  const value = text(input, member, bounds);
  if (value === undefined) throw constraint(member, "Member must not be null");
  return value;
}

export function wholeNumber(input: Input, member: string): number | undefined {
  const value = input[member] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value)) throw unreadable(member);
  return value;
}

export function flag(input: Input, member: string): boolean {
  const value = input[member] ?? false;
  if (typeof value !== "boolean") throw unreadable(member);
  return value;
}

export function list(input: Input, member: string, { min, max }: Bounds): readonly unknown[] | undefined {
  const value = input[member] ?? undefined;
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw unreadable(member);
  if (value.length < min || value.length > max)
    throw constraint(member, `Member must have length between ${min} and ${max}`);
  return value;
}

/** A map of text to text. */
export function textMap(input: Input, member: string): Readonly<Record<string, string>> {
  const value = input[member] ?? {};
  if (!isObject(value)) throw unreadable(member);
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => {
      if (typeof entry !== "string") throw unreadable(member);
      return [name, entry];
    }),
  );
}

/** Bytes, which the wire writes in base64. */
export function bytes(input: Input, member: string, { min, max }: Bounds): Uint8Array | undefined {
  const value = input[member] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw unreadable(member);
  const decoded = Buffer.from(value, "base64");
  if (decoded.length < min)
    throw constraint(member, `Member must have length greater than or equal to ${min}`);
  if (decoded.length > max) throw constraint(member, `Member must have length less than or equal to ${max}`);
  return decoded;
}

export function isObject(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** In the words of the service's own check of its model. The value is left out: it may be the secret. */
export function constraint(member: string, rule: string): Refusal {
  const camel = `${member[0]?.toLowerCase()}${member.slice(1)}`;
  return new Refusal(
    "ValidationException",
    `1 validation error detected: Value at '${camel}' failed to satisfy constraint: ${rule}`,
  );
}

function unreadable(member: string): Refusal {
  return new Refusal("SerializationException", `${member} is not of the type that the service expects.`);
}
