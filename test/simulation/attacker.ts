/** Holds every key that was revoked and keeps minting tokens with it; and makes up kids, to wear out who asks for them. */
import type { Chance } from "./chance.ts";
import type { Ledger, Token } from "./ledger.ts";
import type { Post } from "./traffic.ts";

export class Attacker {
  private readonly ledger: Ledger;
  private readonly chance: Chance;

  constructor(ledger: Ledger, chance: Chance) {
    this.ledger = ledger;
    this.chance = chance;
  }

  attempts(posts: readonly Post[]): { readonly post: Post; readonly token: Token }[] {
    const attempts: { post: Post; token: Token }[] = [];
    for (const [kid, { compromisedAt }] of this.ledger.kids) {
      if (compromisedAt === null || this.ledger.agenda.now - compromisedAt > INTEREST_SECONDS) continue;
      this.ledger.injected("attacker: token of a revoked key");
      attempts.push({ post: this.chance.pick(posts), token: minted(kid) });
    }
    if (this.chance.happens(0.1)) {
      this.ledger.injected("attacker: unknown kid");
      attempts.push({ post: this.chance.pick(posts), token: minted("nobody's") });
    }
    return attempts;
  }
}

/** Longer than any cache keeps anything. */
const INTEREST_SECONDS = 1000;

function minted(kid: string): Token {
  return { token: "", kid, expiresAt: Infinity, isHonest: false };
}
