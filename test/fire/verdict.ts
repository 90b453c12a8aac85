import type { Row } from "../proof/section.ts";

/** A row that is ok when nothing was violated, and that else says what was violated first. */
export function verdict(what: string, figure: string, violations: readonly string[]): Row {
  const [first] = violations;
  if (first === undefined) return { what, figure, ok: true };
  return { what, figure: `${figure}; violations ${violations.length}, the first: ${first}`, ok: false };
}

/** How much of the full run a share of it is: at least one. */
export function part(share: number, full: number): number {
  return Math.max(1, Math.round(share * full));
}

/** As many of `all` as the share asks for, spread evenly over them. */
export function spread<T>(all: readonly T[], share: number): T[] {
  const wanted = Math.min(all.length, part(share, all.length));
  return Array.from({ length: wanted }, (_, index) => all[Math.floor((index * all.length) / wanted)] as T);
}
