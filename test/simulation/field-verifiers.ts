/**
 * Verifiers as they are in the field, as far as keys go: what they keep, for how long, and when they
 * ask again. Small models of jose, jwks-rsa, .NET's ConfigurationManager, and of what never forgets.
 */
import type { Delivered } from "./edge.ts";

export const FIELD_KINDS = ["jose", "ttl only", "jwks-rsa", "dotnet", "never expiring"] as const;
export type FieldKind = (typeof FIELD_KINDS)[number];

export interface Finding {
  readonly known: boolean;
  readonly taint: string | null;
}

/** Keeps keys by the rules of its kind; whoever drives it fetches for it. */
export interface FieldVerifier {
  readonly kind: FieldKind;
  /** Whether a key that left the JWKS is ever forgotten. */
  readonly forgets: boolean;
  /** Whether it has to ask before it judges this kid. */
  mustFetch(kid: string, now: number): boolean;
  /** `null`: the fetch failed, and so does what waited for it. */
  take(answer: Delivered | null, kid: string, now: number): void;
  find(kid: string, now: number): Finding;
}

interface KeptSet {
  readonly kids: ReadonlySet<string>;
  readonly taint: string | null;
  readonly at: number;
}

/** @param cacheSeconds how long anyone may keep the JWKS: 600 with the libraries' own defaults, to which the others are in proportion. */
export function fieldVerifier(kind: FieldKind, cacheSeconds: () => number): FieldVerifier {
  if (kind === "jwks-rsa") return perKid(cacheSeconds);
  return wholeSet(kind, cacheSeconds);
}

/** jose asks again after 600 s, at once on an unknown kid unless it has within 30 s; .NET on an unknown kid after 300 s. */
function wholeSet(kind: Exclude<FieldKind, "jwks-rsa">, cacheSeconds: () => number): FieldVerifier {
  let held: (KeptSet & { readonly keptSeconds: number }) | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  const cooldown = { jose: 1 / 20, "ttl only": Infinity, dotnet: 1 / 2, "never expiring": 0 }[kind];
  const expires = kind === "jose" || kind === "ttl only";
  return {
    kind,
    forgets: expires,
    mustFetch(kid, now) {
      if (held === null) return true;
      if (expires && now >= held.at + held.keptSeconds) return true;
      return !held.kids.has(kid) && now >= askedAt + cooldown * cacheSeconds();
    },
    take(answer, _kid, now) {
      if (kind === "dotnet") askedAt = now;
      if (answer === null) {
        // What expires has nothing to say until it is answered; what asks seldom is ignorant for longer than the endpoint was down.
        if (expires && held !== null && now >= held.at + held.keptSeconds) held = null;
        else if (kind === "dotnet" && held !== null) held = { ...held, taint: "endpoint was down" };
        return;
      }
      askedAt = now;
      held = { kids: kidsIn(answer.body), taint: answer.taint, at: now, keptSeconds: cacheSeconds() };
    },
    find: (kid) => ({ known: held?.kids.has(kid) === true, taint: held?.taint ?? null }),
  };
}

/** jwks-rsa keeps each key for 600 s from when it was looked up, and asks for each that it has not. */
function perKid(cacheSeconds: () => number): FieldVerifier {
  const kept = new Map<string, { readonly until: number; readonly taint: string | null }>();
  let last: KeptSet | null = null;
  return {
    kind: "jwks-rsa",
    forgets: true,
    mustFetch: (kid, now) => now >= (kept.get(kid)?.until ?? Number.NEGATIVE_INFINITY),
    take(answer, kid, now) {
      last = answer && { kids: kidsIn(answer.body), taint: answer.taint, at: now };
      kept.delete(kid);
      if (last?.kids.has(kid)) kept.set(kid, { until: now + cacheSeconds(), taint: last.taint });
    },
    find(kid, now) {
      const key = kept.get(kid);
      if (key !== undefined && now < key.until) return { known: true, taint: key.taint };
      return { known: false, taint: last?.taint ?? null };
    },
  };
}

const parsed = new Map<string, ReadonlySet<string>>();
const PARSED_MAX = 200;

/** The kids in a JWKS. Many verifiers read the same few bodies. */
export function kidsIn(body: string): ReadonlySet<string> {
  const known = parsed.get(body);
  if (known !== undefined) return known;
  const { keys } = JSON.parse(body) as { keys: readonly { kid: string }[] };
  const kids = new Set(keys.map(({ kid }) => kid));
  if (parsed.size >= PARSED_MAX) parsed.clear();
  parsed.set(body, kids);
  return kids;
}
