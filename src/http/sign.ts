/** `POST /v1/tokens`: signs JWTs for holders of an API token, one at a time or many in one request. */
import * as z from "zod";
import { assertWithin } from "../api-tokens/scope.ts";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { KeyManager } from "../manager/manager.ts";
import type { SignedToken } from "../manager/token.ts";
import type { OnEvent } from "../telemetry/events.ts";
import { type AskedFor, type Operation, operation } from "./operation.ts";

export const TOKENS_PATH = "/v1/tokens";
export const BATCH_PATH = "/v1/tokens/batch";

export function isSignPath(path: string): boolean {
  return [TOKENS_PATH, BATCH_PATH].includes(path);
}

/** What a busy service asks for in the time of one request; its answer stays below 2 MiB. */
export const BATCH_TOKENS_MAX = 100;

/** Room for a hundred tokens of ordinary claims, or for thirty of the largest. */
const BATCH_BYTES_MAX = 262_144;

const tokenOrder = z.strictObject(
  {
    claims: z
      .record(z.string(), z.unknown(), { error: "Expected a JSON object of claims." })
      .describe("Anything but iss, iat, exp and jti, which are set by the signer."),
    expiresInSeconds: z
      .int({ error: "Expected a whole number of seconds." })
      .exactOptional()
      .describe("At most the policy's tokenSeconds, which is the default."),
  },
  { error: "Expected a JSON object." },
);

type TokenOrder = z.infer<typeof tokenOrder>;

const batchOrder = z.strictObject({
  tokens: z
    .array(tokenOrder, { error: "Expected a list of tokens to sign." })
    .min(1, { error: "Expected at least one." })
    .max(BATCH_TOKENS_MAX, { error: `Expected at most ${BATCH_TOKENS_MAX}.` }),
});

const signedToken: z.ZodType<SignedToken> = z.strictObject({
  token: z.string().describe("The JWT in compact form (RFC 7519)."),
  kid: z.string(),
  expiresAt: z.int().describe("Its exp, epoch seconds."),
});

export function signOperations(manager: Pick<KeyManager, "sign">, onEvent: OnEvent): readonly Operation[] {
  async function sign(
    { caller, denying }: AskedFor<unknown, unknown, unknown>,
    { claims, expiresInSeconds }: TokenOrder,
  ): Promise<SignedToken> {
    denying(() => assertWithin(caller.scope, claims));
    return manager.sign(claims, expiresInSeconds === undefined ? {} : { expiresInSeconds });
  }

  return [
    operation({
      id: "signToken",
      method: "POST",
      path: TOKENS_PATH,
      about: "Signs a JWT.",
      action: "sign",
      body: tokenOrder,
      answer: signedToken,
      async handle(asked) {
        const signed = await sign(asked, asked.body);
        onEvent({ type: "token_signed", kid: signed.kid });
        return signed;
      },
    }),
    operation({
      id: "signTokens",
      method: "POST",
      path: BATCH_PATH,
      about: "Signs several JWTs, all or none, and answers in the order in which they were asked for.",
      action: "sign",
      body: batchOrder,
      bodyBytesMax: BATCH_BYTES_MAX,
      answer: z.strictObject({ tokens: z.array(signedToken) }),
      async handle(asked) {
        const orders = asked.body.tokens;
        asked.spend(orders.length);
        const tokens: SignedToken[] = [];
        for (const [i, order] of orders.entries()) {
          tokens.push(
            await sign(asked, order).catch((error: unknown) => {
              throw inBatch(error, i);
            }),
          );
        }
        for (const { kid } of tokens) onEvent({ type: "token_signed", kid });
        return { tokens };
      },
    }),
  ];
}

/** Says which of them it was. */
function inBatch(error: unknown, i: number): unknown {
  if (!isKeyturnError(error)) return error;
  const { code, message, fix, problems } = error;
  const whole = [{ code, at: `/tokens/${i}`, message }];
  const within = problems.map((problem) => ({ ...problem, at: `/tokens/${i}/${problem.at}` }));
  return new KeyturnError(code, message, {
    fix,
    problems: within.length === 0 ? whole : within,
    cause: error.cause,
  });
}
