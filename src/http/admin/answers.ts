/** The form of what is answered about the ring, for /openapi.json and for its test; types keep it true. */
import * as z from "zod";
import type { Outcome, RevokeOutcome, RotateOutcome } from "../../manager/commands.ts";
import type { KeyStatus, Status } from "../../manager/status.ts";
import type { TickResult } from "../../manager/tick.ts";
import { ALGORITHMS } from "../../ring/algorithm.ts";
import type { AuditRecord } from "../../ring/audit.ts";
import type { PlannedStep } from "../../ring/plan.ts";
import { policySchema } from "../../ring/policy.ts";

const instant = z.int().describe("Epoch seconds.");
const kid = z.string().describe("Names a key, in the JWKS and in the header of every token that it signed.");
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const blocked = z
  .enum([
    "steps_off",
    "policy_mismatch",
    "clock_backward",
    "clock_forward",
    "publication_unconfirmed",
    "audit_backlog",
  ])
  .nullable()
  .describe("Why a due step was not taken.");

const keyStatus: z.ZodType<KeyStatus> = z.strictObject({
  kid,
  alg: z.enum(ALGORITHMS),
  phase: z.enum(["accepted", "emitting", "retiring"]),
  imported: z.literal(true).exactOptional(),
  createdAt: instant,
  publishedAt: instant.nullable(),
  emitAfter: instant.nullable(),
  emitDueAt: instant.nullable(),
  emittedAt: instant.nullable(),
  earlyEmit: z.boolean(),
  retireHoldSeconds: z.int().nullable(),
  retiredAt: instant.nullable(),
  acceptUntil: instant.nullable(),
  rolledBackAt: instant.nullable(),
  reinstatedAt: instant.nullable(),
});

const plannedStep: z.ZodType<PlannedStep> = z.strictObject({
  step: z.enum(["accept", "confirm", "emit", "revoke"]),
  kid: kid.nullable().describe("Null for a key that does not exist yet."),
  at: instant,
  hold: z
    .strictObject({
      seconds: z.int(),
      decidedBy: z.enum(["overlap", "sum"]),
      terms: z.array(z.strictObject({ name: z.string(), seconds: z.int(), times: z.int() })),
    })
    .nullable(),
});

/** The ring as an operator sees it, with the steps that lie ahead. */
export type RingView = Status & { readonly timeline: readonly PlannedStep[] };

export const ringView: z.ZodType<RingView> = z.strictObject({
  ring: z.string(),
  generation: z.int(),
  now: instant,
  emitter: kid,
  alg: z.enum(ALGORITHMS),
  keys: z.array(keyStatus),
  revoked: z.array(z.strictObject({ kid, revokedAt: instant, revokedBecause: z.string() })),
  policy: policySchema,
  policyMatches: z.boolean(),
  pausedAt: instant.nullable(),
  rotateRequestedAt: instant.nullable(),
  nextStep: plannedStep.nullable(),
  nextDueAt: instant.nullable(),
  overdueSince: instant.nullable(),
  blocked,
  kek: z.string().describe("Id of the key-encryption key."),
  leaseAgeSeconds: z.int(),
  canSign: z.boolean(),
  timeline: z.array(plannedStep),
});

const outcomeShape = { changed: z.boolean(), generation: z.int(), emitter: kid };

export const outcomeView: z.ZodType<Outcome> = z.strictObject(outcomeShape);

export const rotateView: z.ZodType<RotateOutcome> = z.strictObject({
  ...outcomeShape,
  rotation: z.enum(["emitted", "scheduled", "in_progress", "just_done"]),
  emitsAt: instant.nullable(),
});

/** What a revoke says of the caches of an edge that serves the JWKS, where there is one. */
export interface EdgeBound {
  /** Whether the JWKS was taken out of the cache of the data centre that the command came through. */
  readonly purged: boolean;
  /** By when no other data centre that reaches the ring's object serves a JWKS with the key. Epoch seconds. */
  readonly elsewhereUntil: number;
}

export type RevokeView = RevokeOutcome & {
  /** Tokens that the revoke voids before their time; null where that is not known. */
  readonly liveTokens: number | null;
  /** Only where the command came through an edge. */
  readonly edge?: EdgeBound;
};

export const revokeView: z.ZodType<RevokeView> = z.strictObject({
  ...outcomeShape,
  kid,
  earlyEmit: z.boolean().describe("The successor emits before every verifier can know it."),
  refusedByAt: instant.describe("By when every verifier that honours the cache TTL refuses the kid."),
  unboundedFor: z.array(z.string()).describe("Kinds of verifier for which there is no such bound."),
  liveTokens: z.int().nullable().describe("Tokens that this voids; null where that is not known."),
  edge: z
    .strictObject({
      purged: z
        .boolean()
        .describe("The JWKS is out of the cache of the data centre that the command came through."),
      elsewhereUntil: instant.describe(
        "By when no other data centre that reaches the ring's object serves the kid. Epoch seconds.",
      ),
    })
    .exactOptional()
    .describe("On Cloudflare Workers only: what holds for caches there."),
});

export const tickView: z.ZodType<TickResult> = z.strictObject({
  step: z
    .union([
      z.strictObject({ step: z.literal("accept"), alg: z.enum(ALGORITHMS), dueAt: instant }),
      z.strictObject({ step: z.literal("confirm"), kid, dueAt: instant }),
      z.strictObject({ step: z.literal("emit"), kid, dueAt: instant }),
      z.strictObject({
        step: z.literal("revoke"),
        kid,
        because: z.enum(["retired", "superseded"]),
        dueAt: instant,
      }),
    ])
    .nullable(),
  blocked,
  nextDueAt: instant.nullable(),
});

const auditRecord: z.ZodType<AuditRecord> = z.strictObject({
  ring: z.string(),
  generation: z.int(),
  at: instant,
  event: z.enum([
    "init",
    "accept",
    "confirm",
    "emit",
    "revoke",
    "rollback",
    "rotate_requested",
    "pause",
    "resume",
    "policy_changed",
    "rewrap",
    "export",
  ]),
  oldKid: kid.nullable(),
  newKid: kid.nullable(),
  earlyEmit: z.literal(true).exactOptional(),
  details: z.record(z.string(), scalar).exactOptional(),
  trigger: z.enum(["automatic", "manual"]),
  actor: z.string(),
  reason: z.string().nullable(),
  previous: z.string(),
  hash: z.string(),
});

export interface AuditView {
  readonly ring: string;
  readonly records: readonly AuditRecord[];
  readonly next: number | null;
}

export const auditView: z.ZodType<AuditView> = z.strictObject({
  ring: z.string(),
  records: z.array(auditRecord).describe("In the order of their generations, with no gap between two."),
  next: z.int().nullable().describe("What to ask for `after` to read on; null when these were the last."),
});
