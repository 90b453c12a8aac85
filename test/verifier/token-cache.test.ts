/** The memory of tokens that were verified: bounded, exact, and with nothing in it that could be changed. */
import { beforeAll, describe, expect, it } from "vitest";
import { tokenCache } from "../../src/verifier/token-cache.ts";
import { agreedVerdict, CHECKS_AT_ONCE } from "./sample-issuer.ts";
import { jwks, KEY, NEXT_KEY, type Scene, settled, tokenOf, warmScene } from "./scripted-issuer.ts";

interface Entry {
  readonly token: string;
}

/** The characters at the end tell tokens apart, as those of a signature do. */
function entry(number: number, length = 200): Entry {
  return { token: `${"h".repeat(length - 24)}${String(number).padStart(23, "0")}A` };
}

describe("a million tokens", () => {
  it("leave no more than maxEntries, the latest of them", () => {
    const cache = tokenCache<Entry>({ maxEntries: 1000, maxBytes: 1e9 });
    let most = 0;
    for (let number = 0; number < 1_000_000; number++) {
      cache.add(entry(number, 40));
      most = Math.max(most, cache.size);
    }
    expect(most).toBe(1000);
    for (let number = 999_500; number < 1_000_000; number++)
      expect(cache.get(entry(number, 40).token)).toBeDefined();
    expect(cache.get(entry(998_999, 40).token)).toBeUndefined();
  });

  it("leave no more than maxBytes of characters", () => {
    const maxBytes = 4 * 1024 * 1024;
    const cache = tokenCache<Entry>({ maxEntries: 1e9, maxBytes });
    for (let number = 0; number < 1_000_000; number++) cache.add(entry(number, 1000));
    // Each counts for its characters and for what was parsed from them.
    expect(cache.size * 1000).toBeLessThan(maxBytes);
    expect(cache.size).toBeGreaterThan(500);
  });
});

describe("a limit", () => {
  it("keeps out a token that is larger than half of it", () => {
    const cache = tokenCache<Entry>({ maxEntries: 100, maxBytes: 20_000 });
    const large = entry(1, 4000);
    cache.add(large);
    expect(cache.get(large.token)).toBeUndefined();
    const small = entry(2, 200);
    cache.add(small);
    expect(cache.get(small.token)).toBe(small);
  });

  it.each([0, 1])("of %d entries keeps none", (maxEntries) => {
    const cache = tokenCache<Entry>({ maxEntries, maxBytes: 1e6 });
    cache.add(entry(1));
    expect(cache.size).toBe(0);
  });

  it("is kept when the same token comes again and again", () => {
    const cache = tokenCache<Entry>({ maxEntries: 10, maxBytes: 1e6 });
    for (let time = 0; time < 1000; time++) {
      cache.add(entry(time % 3));
      expect(cache.size).toBeLessThanOrEqual(10);
    }
    expect(cache.get(entry(0).token)).toBeDefined();
  });

  it("is kept when entries are promoted again and again", () => {
    const cache = tokenCache<Entry>({ maxEntries: 20, maxBytes: 1e6 });
    for (let number = 0; number < 5000; number++) {
      cache.add(entry(number));
      for (let back = 0; back < 20; back++) cache.get(entry(number - back).token);
      expect(cache.size).toBeLessThanOrEqual(20);
    }
  });
});

describe("looking up", () => {
  it("gives the entry of that token and of no other, though they end alike", () => {
    const cache = tokenCache<Entry>({ maxEntries: 100, maxBytes: 1e6 });
    const one = { token: `one.${"s".repeat(24)}` };
    const two = { token: `two.${"s".repeat(24)}` };
    cache.add(one);
    expect(cache.get(two.token)).toBeUndefined();
    cache.add(two);
    expect(cache.get(two.token)).toBe(two);
    expect(cache.get(one.token)).toBeUndefined();
  });

  it("gives neither of two that end alike for the other, when they are of different age", () => {
    const cache = tokenCache<Entry>({ maxEntries: 4, maxBytes: 1e6 });
    const one = { token: `one.${"s".repeat(24)}` };
    const two = { token: `two.${"s".repeat(24)}` };
    cache.add(one);
    cache.add(entry(1));
    cache.add(two);
    expect(cache.get(one.token)).toBe(one);
    expect(cache.get(two.token)).toBeUndefined();
  });

  it("gives an entry of the older generation to no other token that ends alike", () => {
    const cache = tokenCache<Entry>({ maxEntries: 4, maxBytes: 1e6 });
    for (const one of [{ token: `one.${"s".repeat(24)}` }, entry(1), entry(2)]) cache.add(one);
    expect(cache.get(`two.${"s".repeat(24)}`)).toBeUndefined();
    expect(cache.get(`one.${"s".repeat(24)}`)).toBeDefined();
  });

  it.each(["", "a", "s".repeat(8)])("finds a token of %j, shorter than what is looked up", (token) => {
    const cache = tokenCache<Entry>({ maxEntries: 4, maxBytes: 1e6 });
    cache.add({ token });
    expect(cache.get(token)?.token).toBe(token);
    expect(cache.get(`${token}x`)).toBeUndefined();
  });

  it("keeps what is in use while a flood of others goes by", () => {
    const cache = tokenCache<Entry>({ maxEntries: 100, maxBytes: 1e6 });
    const hot = entry(-1);
    cache.add(hot);
    for (let number = 0; number < 10_000; number++) {
      cache.add(entry(number));
      if (number % 40 === 0) expect(cache.get(hot.token)).toBe(hot);
    }
  });

  it("does not keep what is not in use", () => {
    const cache = tokenCache<Entry>({ maxEntries: 100, maxBytes: 1e6 });
    cache.add(entry(-1));
    for (let number = 0; number < 100; number++) cache.add(entry(number));
    expect(cache.get(entry(-1).token)).toBeUndefined();
  });

  it("finds nothing of what was deleted, in either generation", () => {
    const cache = tokenCache<Entry>({ maxEntries: 4, maxBytes: 1e6 });
    const [old, young] = [entry(1), entry(3)];
    for (const one of [old, entry(2), young]) cache.add(one);
    cache.delete(old);
    cache.delete(young);
    expect(cache.get(old.token)).toBeUndefined();
    expect(cache.get(young.token)).toBeUndefined();
    expect(cache.size).toBe(1);
  });

  it("is not disturbed by the deletion of one that ends alike", () => {
    const cache = tokenCache<Entry>({ maxEntries: 4, maxBytes: 1e6 });
    const kept = { token: `one.${"s".repeat(24)}` };
    cache.add(kept);
    cache.delete({ token: `two.${"s".repeat(24)}` });
    expect(cache.get(kept.token)).toBe(kept);
  });
});

describe("in a verifier", () => {
  let warm: Scene;
  beforeAll(async () => {
    warm = await warmScene({}, jwks([KEY, NEXT_KEY]));
  });

  it("the same token gives the same object, from both ways of verifying", async () => {
    const { verifier } = warm;
    const token = tokenOf(KEY, { roles: ["a"] });
    const first = await verifier.verify(token);
    expect(await verifier.verify(token)).toBe(first);
    if (!CHECKS_AT_ONCE) return;
    expect(verifier.verifySync(token)).toBe(first);
    const other = tokenOf(KEY);
    const sync = verifier.verifySync(other);
    expect(await verifier.verify(other)).toBe(sync);
  });

  it("nothing of it can be changed, however deep", async () => {
    const token = tokenOf(KEY, { roles: ["a"], org: { units: [{ name: "x" }] }, __proto__: null });
    const result = await warm.verifier.verify(token);
    for (const part of [
      result,
      result.claims,
      result.header,
      result.claims["roles"],
      result.claims["org"],
      (result.claims["org"] as { units: object[] }).units[0],
    ])
      expect(Object.isFrozen(part)).toBe(true);
    expect(() => (result.claims["roles"] as string[]).push("admin")).toThrow(TypeError);
    expect(() => Object.assign(result.claims, { sub: "root" })).toThrow(TypeError);
    expect(() => Object.assign(result, { kid: "other" })).toThrow(TypeError);
    expect((await warm.verifier.verify(token)).claims["roles"]).toEqual(["a"]);
  });

  it("two tokens share a header and nothing else", async () => {
    const [one, two] = await Promise.all([
      warm.verifier.verify(tokenOf(KEY, { sub: "one" })),
      warm.verifier.verify(tokenOf(KEY, { sub: "two" })),
    ]);
    expect([one.claims.sub, two.claims.sub]).toEqual(["one", "two"]);
  });

  it("a token that was verified does not answer for one with the same end", async () => {
    const token = tokenOf(KEY);
    await warm.verifier.verify(token);
    const other = tokenOf(KEY, { sub: "root" });
    const spliced = other.slice(0, other.lastIndexOf(".")) + token.slice(token.lastIndexOf("."));
    expect(await agreedVerdict(warm.verifier, spliced)).toBe("signature_invalid");
  });

  it("a token that was refused is not remembered", async () => {
    const before = warm.verifier.stats().cached;
    const token = tokenOf(KEY, { aud: "other" });
    for (let time = 0; time < 3; time++) expect(await warm.verdict(token)).toBe("audience_refused");
    expect(warm.verifier.stats().cached).toBe(before);
  });

  it("a token dies on its second, with the leeway, from the cache as without it", async () => {
    for (const tokenCache of [undefined, false] as const) {
      const { verdict, verifier, clock } = await warmScene(tokenCache === false ? { tokenCache } : {});
      const token = tokenOf(KEY, { exp: clock.wall + 100 });
      expect(await verdict(token)).toBe("accepted");
      clock.advance(129);
      expect(await verdict(token)).toBe("accepted");
      clock.advance(1);
      expect(await agreedVerdict(verifier, token)).toBe("expired");
    }
  });

  it("is left out with false", async () => {
    const { verifier, verdict } = await warmScene({ tokenCache: false });
    const token = tokenOf(KEY);
    const first = await verifier.verify(token);
    const second = await verifier.verify(token);
    expect(second).not.toBe(first);
    expect(second).toEqual(first);
    expect(Object.isFrozen(second.claims)).toBe(true);
    expect(await verdict(token)).toBe("accepted");
    expect(verifier.stats()).toMatchObject({ verified: 3, cached: 0 });
  });

  it("takes one limit and keeps the default of the other", async () => {
    const { verifier } = await warmScene({ tokenCache: { maxEntries: 4 } });
    const tokens = Array.from({ length: 10 }, () => tokenOf(KEY));
    for (const token of tokens) await verifier.verify(token);
    for (const token of tokens.slice(0, 6)) await verifier.verify(token);
    expect(verifier.stats().cached).toBe(0);
    await verifier.verify(tokens[5] as string);
    await settled();
    expect(verifier.stats().cached).toBe(1);
  });
});
