/** Who may do what: the table that every door asks, and nothing else decides. */

/** What an API token is for. Each is a person's or a program's job, not a rank. */
export const ROLES = ["signer", "scheduler", "operator", "security"] as const;

export type Role = (typeof ROLES)[number];

export const ACTIONS = [
  /** Public: verifiers must reach it. */
  "read-jwks",
  /** The ring and its timeline, metrics. */
  "read-status",
  "sign",
  /** One look for a due step, as a schedule outside does. */
  "tick",
  /** Rotate, pause and resume: what moves a turnover, and breaks nothing. */
  "rotate",
  /** Of a key that does not emit. */
  "revoke",
  /** Of the emitter: every token that it signed is refused from then on. */
  "revoke-emitter",
  "rollback",
  "read-audit",
  /** The policy, and API tokens. */
  "administer",
] as const;

export type Action = (typeof ACTIONS)[number];

const MAY: Readonly<Record<Role | "anyone", readonly Action[]>> = {
  anyone: ["read-jwks"],
  signer: ["sign"],
  scheduler: ["read-status", "tick"],
  operator: ["read-status", "tick", "rotate", "revoke", "revoke-emitter", "rollback", "read-audit"],
  security: [
    "read-status",
    "tick",
    "rotate",
    "revoke",
    "revoke-emitter",
    "rollback",
    "read-audit",
    "administer",
  ],
};

/** Whether a caller of `role` may do it; null is a caller without an API token. */
export function mayDo(role: Role | null, action: Action): boolean {
  return MAY.anyone.includes(action) || (role !== null && MAY[role].includes(action));
}
