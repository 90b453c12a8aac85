/** What nodes on one store do, as the simplest account of it: who has read what when, and what goes wrong. */
import type { ErrorCode } from "../../src/errors.ts";
import type { CommitFault } from "../manager/faulty-store.ts";
import { emitterIn, type ModelRing } from "./ring-model.ts";

/** Faults with one lawful outcome each; one that arrives late is for the races. */
export type PlainFault = Exclude<CommitFault, "unknown_late">;

export interface ModelNode {
  down: boolean;
  readonly faults: PlainFault[];
  /** Which ring it has read last, and when. */
  seen: number;
  readAt: number;
  /** When it last looked whether its lease can be renewed, and whether the store answered. */
  look: { at: number; answered: boolean };
}

export interface ModelFleet {
  now: number;
  /** Every ring that was committed; its place is its generation less one. */
  readonly rings: ModelRing[];
  readonly nodes: readonly ModelNode[];
  /** Tokens that are alive, by whom they were signed and until when. */
  tokens: { readonly kid: string; readonly expiresAt: number }[];
}

export const newest = ({ rings }: ModelFleet): ModelRing => rings.at(-1) as ModelRing;

export type Refused = { readonly refused: ErrorCode };
export type Done = { readonly changed: boolean };

/** A command or a tick: reads the ring, decides, and commits unless the store will not have it. */
export function committed(
  fleet: ModelFleet,
  by: number,
  decide: (ring: ModelRing, now: number) => ModelRing | null | ErrorCode,
): Done | Refused {
  const node = fleet.nodes[by] as ModelNode;
  if (!read(fleet, node)) return { refused: "store_unavailable" };
  const next = decide(newest(fleet), fleet.now);
  if (typeof next === "string") return { refused: next };
  if (next === null) return { changed: false };
  let lost = false;
  for (;;) {
    const fault = node.faults.shift();
    if (fault === "unavailable") return { refused: lost ? "commit_unknown" : "store_unavailable" };
    if (fault === "unknown_not_committed") lost = true;
    // A conflict, and an answer that was lost before it was done, are tried again.
    if (fault === undefined || fault === "unknown_committed") break;
  }
  fleet.rings.push({ ...next, committedAt: fleet.now });
  read(fleet, node);
  return { changed: true };
}

/** False when the store does not answer. */
export function read(fleet: ModelFleet, node: ModelNode): boolean {
  if (node.down) return false;
  node.seen = fleet.rings.length;
  node.readAt = fleet.now;
  return true;
}

export type Signed = { readonly kid: string; readonly expiresAt: number };

/** By the ring that the node has read, if that is no older than its lease. */
export function signed(fleet: ModelFleet, by: number): Signed | Refused {
  const node = fleet.nodes[by] as ModelNode;
  const isStale = () => fleet.now - node.readAt > ringSeenBy(fleet, by).policy.leaseSeconds;
  if (isStale()) {
    // Tokens that find the lease over share one look per second.
    if (fleet.now - node.look.at >= 1) node.look = { at: fleet.now, answered: read(fleet, node) };
    if (!node.look.answered || isStale()) return { refused: "ring_stale" };
  }
  const ring = ringSeenBy(fleet, by);
  const token = { kid: emitterIn(ring).kid, expiresAt: fleet.now + ring.policy.tokenSeconds };
  fleet.tokens.push(token);
  return token;
}

export function ringSeenBy(fleet: ModelFleet, by: number): ModelRing {
  return fleet.rings[(fleet.nodes[by] as ModelNode).seen - 1] as ModelRing;
}
