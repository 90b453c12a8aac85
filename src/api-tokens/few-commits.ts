/**
 * What a store that bears few commits asks of API tokens. Each rotation is a commit, and when the store takes
 * no more, nothing can be revoked either: so whoever has stolen a token must not be able to use them up.
 */
import { KeyturnError } from "../errors.ts";
import type { ApiToken } from "./api-token.ts";
import { orderInvalid } from "./order.ts";
import { type TokenBook, withUses } from "./token-book.ts";

/** Whoever asks which tokens are still in use thinks in days. */
export const LAST_USED_REST_SECONDS = 3600;

/** A line of tokens then takes 24 commits of a day, of about a hundred that AWS Secrets Manager bears. */
export const ROTATION_AGE_SECONDS = 3600;

/** Else a token could end before it may be rotated, with time left for a client to do so. */
export const LIFETIME_SECONDS_LEAST = 7200;

export interface Pace {
  /** The book that a commit changes: where commits are few, each takes the last uses along. */
  along(base: TokenBook, usedAt: ReadonlyMap<string, number>): TokenBook;
  /** How long after another commit there may be one for last uses alone. */
  readonly restSeconds: number;
  /** @throws KeyturnError `api_token_order_invalid` */
  assertLifetime(expiresInSeconds: number | null): void;
  /** @throws KeyturnError `api_tokens_full` */
  assertRotatable(token: ApiToken | null, now: number): void;
}

/** @param writesEverySeconds of the store; undefined or 0: it bears any number */
export function paceOf(writesEverySeconds: number | undefined): Pace {
  if (writesEverySeconds === undefined || writesEverySeconds === 0) return UNHURRIED;
  return {
    along: withUses,
    restSeconds: LAST_USED_REST_SECONDS,
    assertLifetime(expiresInSeconds) {
      if (expiresInSeconds === null || expiresInSeconds >= LIFETIME_SECONDS_LEAST) return;
      const message = `Expected at least ${LIFETIME_SECONDS_LEAST} seconds: this store bears few commits, and each rotation is one.`;
      throw orderInvalid([{ code: "wrong_value", at: "expiresInSeconds", message }]);
    },
    assertRotatable(token, now) {
      // A token that has its successor is answered with that, which is no commit.
      if (token === null || token.successor !== null || now >= token.createdAt + ROTATION_AGE_SECONDS) return;
      throw new KeyturnError(
        "api_tokens_full",
        `${token.id} is younger than ${ROTATION_AGE_SECONDS} s, and this store bears few commits.`,
        { fix: "Rotate it when it is an hour old. If it has leaked, revoke it, and issue another." },
      );
    },
  };
}

const UNHURRIED: Pace = {
  along: (base) => base,
  restSeconds: 0,
  assertLifetime() {},
  assertRotatable() {},
};
