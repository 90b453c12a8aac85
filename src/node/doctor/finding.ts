/** What one look of the doctor found. */
export type Verdict = "ok" | "warn" | "fail";

export interface Finding {
  /** What was looked at: `jwks-caching`. Stable. */
  readonly name: string;
  /** `warn`: works, and had better be otherwise. `fail`: honest tokens, or keys, are at risk. */
  readonly verdict: Verdict;
  readonly what: string;
  /** What to do about it; null where all is well. */
  readonly fix: string | null;
}

/** What can be wrong with one thing, worst first. */
export type Fault = Omit<Finding, "name"> & { readonly verdict: "warn" | "fail"; readonly fix: string };

export function failing(what: string, fix: string): Fault {
  return { verdict: "fail", what, fix };
}

export function warning(what: string, fix: string): Fault {
  return { verdict: "warn", what, fix };
}

/** All faults as one finding under the worst verdict; `fine` where there are none. */
export function finding(name: string, faults: readonly Fault[], fine: string): Finding {
  const [first] = faults;
  if (first === undefined) return { name, verdict: "ok", what: fine, fix: null };
  const isFailing = faults.some(({ verdict }) => verdict === "fail");
  return {
    name,
    verdict: isFailing ? "fail" : "warn",
    what: faults.map(({ what }) => what).join(" "),
    fix: [...new Set(faults.map(({ fix }) => fix))].join(" "),
  };
}

/** The one thing that is wrong. */
export function faulty(name: string, fault: Fault): Finding {
  return { name, ...fault };
}

/** Words from another machine, for a terminal: visible ASCII, and not too much of it. */
export function shown(foreign: string): string {
  const text = foreign.replace(/[^ -~]/g, "?");
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
}

const SHOWN_LENGTH_MAX = 120;
