/** What can be read of the ring and done to it. Every command is one of the manager's. */
import * as z from "zod";
import { KeyturnError } from "../../errors.ts";
import type { Command } from "../../manager/commands.ts";
import type { KeyManager } from "../../manager/manager.ts";
import { policySchema } from "../../ring/policy.ts";
import { isKid } from "../../ring/ring.ts";
import { actorOf } from "../caller-check.ts";
import { type AskedFor, type Operation, operation } from "../operation.ts";
import { ringEtag } from "../precondition.ts";
import { outcomeView, revokeView, ringView, rotateView, tickView } from "./answers.ts";

/** How many tokens signed with a key are alive; null where nobody counts them. */
export type CountLiveTokens = (kid: string) => number | null;

/** The steps that GET /v1/ring looks ahead: two turnovers. */
const TIMELINE_STEPS = 6;

const KID_LENGTH_MAX = 256;

const reason = z
  .string({ error: "Expected a text: why this is done." })
  .describe("For the audit: 1 to 500 printable characters.");
const optionalReason = z.strictObject(
  { reason: reason.exactOptional() },
  { error: "Expected a JSON object." },
);
const requiredReason = z.strictObject({ reason }, { error: "Expected a JSON object." });

export function ringOperations(manager: KeyManager, liveTokens: CountLiveTokens): readonly Operation[] {
  const etag = ({ generation }: { readonly generation: number }) => ringEtag(manager.ring().id, generation);
  const command = { method: "POST", changesRing: true, etag } as const;

  return [
    operation({
      id: "readRing",
      method: "GET",
      path: "/v1/ring",
      about: "The ring: keys, phases, instants, policy and the steps ahead. Its ETag is what commands name.",
      action: "read-status",
      answer: ringView,
      etag,
      handle: () => ({ ...manager.status(), timeline: manager.plan(TIMELINE_STEPS) }),
    }),
    operation({
      ...command,
      id: "rotate",
      path: "/v1/ring/rotate",
      about: "Starts the next turnover ahead of schedule, never ahead of a hold. Asked for twice, it is one.",
      action: "rotate",
      body: optionalReason,
      bodyOptional: true,
      remembered: asItIs,
      answer: rotateView,
      handle: (asked) => manager.rotate(commandOf(asked)),
    }),
    operation({
      ...command,
      id: "rollback",
      path: "/v1/ring/rollback",
      about: "The key that retired last emits again, in place of the present one.",
      action: "rollback",
      body: requiredReason,
      remembered: asItIs,
      answer: outcomeView,
      handle: (asked) => manager.rollback({ ...commandOf(asked), reason: asked.body.reason }),
    }),
    operation({
      ...command,
      id: "pause",
      path: "/v1/ring/pause",
      about: "Stops the automatic steps; commands still work.",
      action: "rotate",
      body: optionalReason,
      bodyOptional: true,
      remembered: asItIs,
      answer: outcomeView,
      handle: (asked) => manager.pause(commandOf(asked)),
    }),
    operation({
      ...command,
      id: "resume",
      path: "/v1/ring/resume",
      about: "Lets the automatic steps go on.",
      action: "rotate",
      body: optionalReason,
      bodyOptional: true,
      remembered: asItIs,
      answer: outcomeView,
      handle: (asked) => manager.resume(commandOf(asked)),
    }),
    operation({
      ...command,
      id: "applyPolicy",
      path: "/v1/ring/policy",
      about: "Puts a whole policy in force, for the ring and so for every node.",
      action: "administer",
      body: z.strictObject(
        { policy: policySchema, reason: reason.exactOptional() },
        { error: "Expected a JSON object." },
      ),
      remembered: asItIs,
      answer: outcomeView,
      handle: (asked) => manager.applyPolicy(asked.body.policy, commandOf(asked)),
    }),
    operation({
      id: "tick",
      method: "POST",
      path: "/v1/ring/tick",
      about: "Takes the one step that is due, if any. May be asked as often as one likes, by any number.",
      action: "tick",
      body: z.strictObject({}, { error: "Expected a JSON object." }),
      bodyOptional: true,
      answer: tickView,
      handle: () => manager.tick(),
    }),
    operation({
      ...command,
      id: "revokeKey",
      path: "/v1/keys/{kid}/revoke",
      about: "Takes a key out of the JWKS at once, and says by when verifiers refuse what it signed.",
      action: "revoke",
      params: z.strictObject({
        kid: z
          .string()
          .max(KID_LENGTH_MAX)
          .refine(isKid, { error: "Expected 1 to 256 visible ASCII characters." }),
      }),
      body: z.strictObject(
        {
          reason,
          emergency: z
            .boolean({ error: "Expected true or false." })
            .exactOptional()
            .describe("Whether the key may go though it signs at the moment. Default false."),
        },
        { error: "Expected a JSON object." },
      ),
      remembered: asItIs,
      answer: revokeView,
      async handle(asked) {
        const { kid } = asked.params;
        const { emergency = false } = asked.body;
        if (emergency) asked.require("revoke-emitter");
        const alive = liveTokens(kid);
        const command = { ...commandOf(asked), reason: asked.body.reason, sparesEmitter: !emergency };
        const outcome = await manager.revoke(kid, command);
        if (!outcome.changed) throw alreadyRevoked();
        return { ...outcome, liveTokens: alive };
      },
    }),
  ];
}

function asItIs<T>(result: T): T {
  return result;
}

/** The author is the API token: no header and no member can say otherwise. */
function commandOf<Body extends { readonly reason?: string }>({
  caller,
  body: { reason },
  ifGeneration,
}: AskedFor<unknown, unknown, Body>): Command {
  return {
    actor: actorOf(caller),
    ...(reason === undefined ? {} : { reason }),
    ...(ifGeneration === undefined ? {} : { ifGeneration }),
  };
}

function alreadyRevoked(): KeyturnError {
  return new KeyturnError("kid_revoked", "The key of this kid is revoked already.", {
    fix: "There is nothing left to do; GET /v1/ring says since when, and why.",
  });
}
