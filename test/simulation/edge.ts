/** A shared cache before the JWKS, as there are: with and without Age, passing Cache-Control on or not, one that keeps too long. */
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";

export const EDGE_KINDS = ["plain", "no Age", "no Cache-Control", "serves too long", "none"] as const;
export type EdgeKind = (typeof EDGE_KINDS)[number];

/** A JWKS on its way. */
export interface Answer {
  readonly body: string;
  readonly etag: string;
  readonly maxAgeSeconds: number;
  /** Why what follows from it is nobody's promise; null when it is as it must be. */
  readonly taint: string | null;
}

/** What an origin says: a body, or that the one with the etag is still it, or nothing. */
export type Ask = (etag: string | null) => Answer | null;

/** As the client gets it. */
export interface Delivered extends Answer {
  readonly ageSeconds: number | null;
  readonly cacheControl: boolean;
}

/** How much longer than it may the one keeps that keeps too long. */
const TOO_LONG = 4;

export class Edge {
  readonly kind: EdgeKind;
  private copy: { readonly answer: Answer; readonly storedAt: number } | null = null;
  private readonly agenda: Agenda;
  private readonly chance: Chance;
  private readonly ask: Ask;

  constructor(kind: EdgeKind, agenda: Agenda, chance: Chance, ask: Ask) {
    this.kind = kind;
    this.agenda = agenda;
    this.chance = chance;
    this.ask = ask;
  }

  /** @param legSeconds how long the way from the origin takes. */
  get(legSeconds: number): Delivered | null {
    const held = this.copy;
    if (held !== null && this.isKept(held)) return this.delivered(held.answer, held.storedAt);
    const revalidates = held !== null && this.chance.happens(0.5);
    const answer = this.ask(revalidates ? held.answer.etag : null);
    if (answer === null) return null;
    const storedAt = this.agenda.now + legSeconds;
    if (this.kind !== "none") this.copy = { answer, storedAt };
    return this.delivered(answer, storedAt);
  }

  private isKept({ answer, storedAt }: { answer: Answer; storedAt: number }): boolean {
    const longest = answer.maxAgeSeconds * (this.kind === "serves too long" ? TOO_LONG : 1);
    return this.agenda.now - storedAt < longest;
  }

  private delivered(answer: Answer, storedAt: number): Delivered {
    const age = Math.max(0, Math.floor(this.agenda.now - storedAt));
    const overdue = age >= answer.maxAgeSeconds && answer.maxAgeSeconds > 0;
    return {
      ...answer,
      taint: answer.taint ?? (overdue ? "edge serves too long" : null),
      ageSeconds: this.kind === "no Age" || this.kind === "none" ? null : age,
      cacheControl: this.kind !== "no Cache-Control",
    };
  }
}
