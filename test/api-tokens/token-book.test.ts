import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ApiToken, isLive, phaseOf } from "../../src/api-tokens/api-token.ts";
import { parseRotationOrder, type RotationOrder } from "../../src/api-tokens/order.ts";
import {
  emptyBook,
  issue,
  LINE_TOKENS_MAX,
  lineOf,
  revoke,
  rotate,
  type TokenBook,
  tokenOf,
  touched,
} from "../../src/api-tokens/token-book.ts";
import { isKeyturnError } from "../../src/errors.ts";
import { bookOf, idOf, NOW, newValue, orderOf, sampleToken } from "./sample-token.ts";

const rotated = (book: TokenBook, from: string, to: string, now = NOW, order: RotationOrder = {}) =>
  rotate(book, idOf(from), newValue(to), parseRotationOrder(order), now);

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return isKeyturnError(error) ? error.code : String(error);
  }
}

const the = (book: TokenBook | null, name: string) => tokenOf(book as TokenBook, idOf(name)) as ApiToken;

describe("issue", () => {
  it("adds a token as ordered, which expires by its lifetime from now", () => {
    const scope = { audiences: ["orders"], claims: null };
    const book = issue(emptyBook("b", "ring"), newValue("a"), orderOf({ scope }), NOW);
    expect(book.tokens).toEqual([sampleToken("a", { scope, expiresAt: NOW + 3600 })]);
    const eternal = issue(book, newValue("b"), orderOf({ expiresInSeconds: null, scope }), NOW);
    expect(the(eternal, "b").expiresAt).toBeNull();
    expect(eternal.tokens.slice(0, 1)).toEqual(book.tokens);
  });
});

describe("rotate", () => {
  const book = bookOf(sampleToken("a", { expiresAt: NOW + 86_400, role: "operator", name: "ci" }));

  it("makes a successor of the same name, role, scope and lifetime, and keeps both for the overlap", () => {
    const next = rotated(book, "a", "b", NOW + 1000);
    expect(the(next, "b")).toEqual(
      sampleToken("b", {
        line: idOf("a"),
        role: "operator",
        name: "ci",
        createdAt: NOW + 1000,
        expiresAt: NOW + 87_400,
      }),
    );
    expect(the(next, "a")).toMatchObject({ successor: idOf("b"), overlapUntil: NOW + 1600 });
    const later = (seconds: number) =>
      ["a", "b"].map((name) => phaseOf(the(next, name), NOW + 1000 + seconds));
    expect(later(0)).toEqual(["overlapping", "valid"]);
    expect(later(629)).toEqual(["overlapping", "valid"]);
    expect(later(630)).toEqual(["expired", "valid"]);
  });

  it("asked for again within the overlap, changes nothing", () => {
    const next = rotated(book, "a", "b") as TokenBook;
    expect(rotated(next, "a", "c", NOW + 1)).toBeNull();
    expect(rotated(next, "a", "c", NOW + 629)).toBeNull();
    expect(codeOf(() => rotated(next, "a", "c", NOW + 630))).toBe("api_token_ended");
  });

  it("names the same successor also when that has been rotated in turn", () => {
    const next = rotated(rotated(book, "a", "b") as TokenBook, "b", "c", NOW + 10) as TokenBook;
    expect(rotated(next, "a", "d", NOW + 20)).toBeNull();
  });

  it("never keeps a token beyond its own expiry", () => {
    const next = rotated(bookOf(sampleToken("a", { expiresAt: NOW + 60 })), "a", "b");
    expect(the(next, "a").overlapUntil).toBe(NOW + 60);
  });

  it("can still be asked for in the leeway after the expiry", () => {
    const old = bookOf(sampleToken("a", { createdAt: NOW - 3600, expiresAt: NOW - 29 }));
    expect(phaseOf(the(rotated(old, "a", "b"), "b"), NOW)).toBe("valid");
    const late = bookOf(sampleToken("a", { createdAt: NOW - 3600, expiresAt: NOW - 30 }));
    expect(codeOf(() => rotated(late, "a", "b"))).toBe("api_token_ended");
  });

  it("is no way to a longer life than was granted, save where none was set", () => {
    const length = (expiresInSeconds: number | null) => {
      const { createdAt, expiresAt } = the(rotated(book, "a", "b", NOW + 500, { expiresInSeconds }), "b");
      return expiresAt === null ? null : expiresAt - createdAt;
    };
    expect(length(3600)).toBe(3600);
    expect(length(86_400)).toBe(86_400);
    expect(codeOf(() => length(86_401))).toBe("api_token_order_invalid");
    expect(codeOf(() => length(null))).toBe("api_token_order_invalid");

    const eternal = bookOf(sampleToken("a"));
    expect(the(rotated(eternal, "a", "b"), "b").expiresAt).toBeNull();
    expect(the(rotated(eternal, "a", "b", NOW, { expiresInSeconds: 60 }), "b").expiresAt).toBe(NOW + 60);
  });

  it("is refused of what was revoked, and of what was never there, whose name is not repeated", () => {
    const gone = revoke(book, [idOf("a")], "leaked", NOW) as TokenBook;
    expect(codeOf(() => rotated(gone, "a", "b"))).toBe("api_token_ended");
    expect(codeOf(() => rotated(book, "x", "b"))).toBe("api_token_unknown");
    try {
      rotate(book, "keyturn_secret", newValue("b"), parseRotationOrder({}), NOW);
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).not.toContain("keyturn_secret");
    }
  });

  it("ends where the successor was revoked: the one before gets no other", () => {
    const next = revoke(rotated(book, "a", "b") as TokenBook, [idOf("b")], "leaked", NOW) as TokenBook;
    expect(codeOf(() => rotated(next, "a", "c"))).toBe("api_token_ended");
  });

  it("is refused when a line has five good tokens, until the first of them has ended", () => {
    const names = ["a", "b", "c", "d", "e", "f"] as const;
    let line = book;
    for (let i = 1; i < LINE_TOKENS_MAX; i++)
      line = rotated(line, names[i - 1] as string, names[i] as string, NOW + i) as TokenBook;
    expect(codeOf(() => rotated(line, "e", "f", NOW + 10))).toBe("api_tokens_full");
    expect(rotated(line, "a", "f", NOW + 10)).toBeNull();
    expect(the(rotated(line, "e", "f", NOW + 1 + 630), "f").name).toBe("ci");
  });

  it.each<[string, RotationOrder]>([
    ["an overlap below five minutes", { overlapSeconds: 299 }],
    ["an overlap above fifteen minutes", { overlapSeconds: 901 }],
    ["half a second", { overlapSeconds: 300.5 }],
    ["a lifetime below a minute", { expiresInSeconds: 59 }],
    ["a lifetime in milliseconds", { expiresInSeconds: 7_776_000_000 }],
  ])("takes no %s", (_, order) => {
    expect(codeOf(() => parseRotationOrder(order))).toBe("api_token_order_invalid");
  });
});

describe("revoke", () => {
  const book = bookOf(sampleToken("a"), sampleToken("b"));

  it("ends the tokens named at once, with the reason, and no other", () => {
    const next = revoke(book, [idOf("a")], "leaked", NOW + 5) as TokenBook;
    expect(the(next, "a")).toMatchObject({ revokedAt: NOW + 5, revokedBecause: "leaked" });
    expect(the(next, "b")).toEqual(the(book, "b"));
  });

  it("changes nothing of what has ended, and refuses what it does not know", () => {
    const gone = revoke(book, [idOf("a")], "leaked", NOW) as TokenBook;
    expect(revoke(gone, [idOf("a")], "another reason", NOW + 9)).toBeNull();
    const expired = bookOf(sampleToken("a", { expiresAt: NOW - 30 }));
    expect(revoke(expired, [idOf("a")], "leaked", NOW)).toBeNull();
    expect(codeOf(() => revoke(book, [idOf("x")], "leaked", NOW))).toBe("api_token_unknown");
  });
});

describe("the line of a token", () => {
  it("is all that it came from and all that follow it, and nobody else", () => {
    let book = bookOf(sampleToken("a"), sampleToken("other"));
    for (const [from, to] of ["ab", "bc", "cd"].map((pair) => [...pair]))
      book = rotated(book, from as string, to as string) as TokenBook;
    for (const name of ["a", "b", "c", "d"])
      expect(lineOf(book, idOf(name)).map(({ id }) => id)).toEqual(["a", "b", "c", "d"].map(idOf));
    expect(lineOf(book, idOf("other"))).toHaveLength(1);
    expect(lineOf(book, idOf("nobody"))).toEqual([]);
  });
});

describe("last uses", () => {
  const book = bookOf(sampleToken("a", { lastUsedAt: NOW }), sampleToken("b"));
  const at = (uses: Record<string, number>) =>
    new Map(Object.entries(uses).map(([name, instant]) => [idOf(name), instant]));

  it("are written when one is five minutes behind, and then all that are known", () => {
    expect(touched(book, at({ a: NOW + 299 }))).toBeNull();
    expect(touched(book, at({}))).toBeNull();
    const next = touched(book, at({ a: NOW + 10, b: NOW + 20 }));
    expect([the(next, "a").lastUsedAt, the(next, "b").lastUsedAt]).toEqual([NOW + 10, NOW + 20]);
  });

  it("never go back, and are not made up for tokens that are gone", () => {
    expect(touched(book, at({ a: NOW - 1000 }))).toBeNull();
    expect(touched(book, at({ gone: NOW + 1000 }))).toBeNull();
    expect(the(touched(book, at({ a: NOW - 9, b: NOW })), "a").lastUsedAt).toBe(NOW);
  });
});

describe("whatever is done in whatever order", () => {
  const step = fc.record({
    does: fc.constantFrom("issue", "rotate", "rotate", "revoke", "touch"),
    which: fc.nat(30),
    after: fc.integer({ min: 0, max: 400 }),
    overlapSeconds: fc.integer({ min: 300, max: 900 }),
  });

  it("no token ends before it was promised to, none comes back, none gets another role", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let book = emptyBook("b", "ring");
        let now = NOW;
        const goodUntil = new Map<string, number>();
        const ended = new Set<string>();
        for (const [i, { does, which, after, overlapSeconds }] of steps.entries()) {
          now += after;
          const subject = book.tokens[which % Math.max(1, book.tokens.length)];
          try {
            if (does === "issue" || subject === undefined) {
              book = issue(book, newValue(`n${i}`), orderOf({ expiresInSeconds: 2000 }), now);
              goodUntil.set(idOf(`n${i}`), now + 2000);
            } else if (does === "rotate") {
              const next = rotate(book, subject.id, newValue(`n${i}`), { overlapSeconds }, now);
              if (next !== null) {
                goodUntil.set(idOf(`n${i}`), now + 2000);
                const before = goodUntil.get(subject.id) ?? 0;
                goodUntil.set(subject.id, Math.min(before, now + overlapSeconds));
              }
              book = next ?? book;
            } else if (does === "revoke") {
              if (isLive(subject, now)) goodUntil.set(subject.id, 0);
              book = revoke(book, [subject.id], "x", now) ?? book;
            } else {
              book = touched(book, new Map([[subject.id, now]])) ?? book;
            }
          } catch (error) {
            if (!isKeyturnError(error, "api_token_ended", "api_tokens_full")) throw error;
          }
          for (const [id, until] of goodUntil) {
            const token = tokenOf(book, id);
            const good = token !== null && isLive(token, now);
            if (now < until) expect(good, `${id} ended early`).toBe(true);
            if (ended.has(id)) expect(good, `${id} came back`).toBe(false);
            if (!good) ended.add(id);
            if (token !== null) expect(token).toMatchObject({ role: "signer", name: "orders" });
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
