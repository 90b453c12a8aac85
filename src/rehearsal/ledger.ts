/** The books of a rehearsal: what was signed, what each verifier said, and whose fault it was. */

export interface Counted {
  /** Tokens that verified when they were new. */
  readonly tokens: number;
  /** All successful verifications, over the tokens' lives. */
  readonly checks: number;
}

export interface Rejection {
  readonly verifier: string;
  readonly kid: string;
  readonly ageSeconds: number;
  /** The library's own words. */
  readonly reason: string;
}

export interface Ledger {
  signed(kid: string): void;
  /** The server was asked for a token and gave none. */
  unsigned(why: string): void;
  verified(verifier: string, kid: string, isNew: boolean): void;
  rejected(rejection: Rejection): void;
  /** An operator revokes the key: from now on its tokens may die. */
  revoking(kid: string): void;
  read(): Books;
}

export interface Books {
  readonly signedBy: Readonly<Record<string, number>>;
  /** By verifier, then by kid. */
  readonly verified: Readonly<Record<string, Readonly<Record<string, Counted>>>>;
  /** Rejections of tokens whose key no operator had revoked; one token may be in it several times. */
  readonly honestRejections: readonly Rejection[];
  /** How often a token of a key that an operator revoked was rejected, which is what revoking is for. */
  readonly revokedRejections: number;
  readonly unsigned: readonly string[];
}

export function createLedger(): Ledger {
  const signedBy: Record<string, number> = {};
  const verified: Record<string, Record<string, Counted>> = {};
  const honestRejections: Rejection[] = [];
  const unsigned: string[] = [];
  const revoked = new Set<string>();
  let revokedRejections = 0;

  return {
    signed(kid) {
      signedBy[kid] = (signedBy[kid] ?? 0) + 1;
    },
    unsigned: (why) => void unsigned.push(why),
    verified(verifier, kid, isNew) {
      verified[verifier] ??= {};
      const { tokens, checks } = verified[verifier][kid] ?? { tokens: 0, checks: 0 };
      verified[verifier][kid] = { tokens: tokens + (isNew ? 1 : 0), checks: checks + 1 };
    },
    rejected(rejection) {
      if (revoked.has(rejection.kid)) revokedRejections++;
      else honestRejections.push(rejection);
    },
    revoking: (kid) => void revoked.add(kid),
    read: () => ({ signedBy, verified, honestRejections, revokedRejections, unsigned }),
  };
}
