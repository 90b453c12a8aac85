/** Every kind of trouble that a world can have, and how often it had it. A kind that never came proves nothing. */

export const FAULTS = [
  "store: answer lost, written",
  "store: answer lost, not written",
  "store: answer late",
  "store: write arrives late",
  "store: conflict out of nothing",
  "store: unavailable",
  "store: slow read",
  "store: stale read",
  "store: restored backup",
  "node: killed and restarted",
  "node: process paused",
  "node: machine suspended",
  "clock: jump ahead",
  "clock: jump back",
  "jwks: endpoint down",
  "jwks: slow fetch",
  "edge: no Age",
  "edge: no Cache-Control",
  "edge: serves too long",
  "operator: rotate",
  "operator: rollback",
  "operator: revoke emitter",
  "operator: revoke other key",
  "operator: pause",
  "operator: policy change",
  "operator: command repeated",
  "attacker: token of a revoked key",
  "attacker: unknown kid",
] as const;

export type Fault = (typeof FAULTS)[number];

export type FaultCounts = Record<Fault, number>;

export function noFaults(): FaultCounts {
  return Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as FaultCounts;
}

export function sumOfFaults(counts: readonly FaultCounts[]): FaultCounts {
  const sum = noFaults();
  for (const one of counts) for (const fault of FAULTS) sum[fault] += one[fault];
  return sum;
}
