import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sealBook } from "../../src/api-tokens/sealed-book.ts";
import { tokenText } from "../../src/api-tokens/token-text.ts";
import { kek, otherKek } from "../keys/sample-key.ts";
import { manualClock } from "../manager/manual-clock.ts";
import { BY, codeOf, open } from "./opened.ts";
import { bookOf } from "./sample-token.ts";

const signer = { name: "orders", role: "signer", ...BY } as const;
const stranger = () => tokenText(new Uint8Array(randomBytes(32)));

describe("an API token that was issued", () => {
  it("says who calls, on the node that issued it and on every other, and another does not", async () => {
    const { tokens, another } = await open();
    const scope = { audiences: ["orders"], claims: { tenant: "acme" } };
    const { token, view } = await tokens.issue({ ...signer, scope });
    const caller = { id: view.id, name: "orders", role: "signer", scope };
    expect(await tokens.authenticate(token)).toEqual(caller);
    expect(await (await another()).tokens.authenticate(token)).toEqual(caller);
    expect(await tokens.authenticate(await stranger())).toBeNull();
  });

  it("is known to a node that opened before it was issued, at the first request", async () => {
    const { tokens, another } = await open();
    const other = await another();
    const { token } = await tokens.issue(signer);
    expect(await other.tokens.authenticate(token)).not.toBeNull();
  });

  it("is known also where the node looked for something else a moment ago", async () => {
    const { tokens, another, clock } = await open();
    const other = await another();
    expect(await other.tokens.authenticate(await stranger())).toBeNull();
    const { token } = await tokens.issue(signer);
    const before = clock.monotonic();
    expect(await other.tokens.authenticate(token)).not.toBeNull();
    expect(clock.monotonic() - before).toBeGreaterThan(0.9);
  });

  it("is refused from its expiry and leeway on", async () => {
    const { tokens, clock } = await open();
    const { token } = await tokens.issue({ ...signer, expiresInSeconds: 60 });
    clock.advance(89);
    expect(await tokens.authenticate(token)).not.toBeNull();
    clock.advance(1);
    expect(await tokens.authenticate(token)).toBeNull();
  });

  it("is refused at once where it was revoked, and elsewhere after the next refresh", async () => {
    const { tokens, another } = await open();
    const other = await another();
    const { token, view } = await tokens.issue(signer);
    await other.tokens.refresh();
    await tokens.revoke(view.id, { reason: "leaked", ...BY });
    expect(await tokens.authenticate(token)).toBeNull();
    expect(await other.tokens.authenticate(token)).not.toBeNull();
    await other.tokens.refresh();
    expect(await other.tokens.authenticate(token)).toBeNull();
  });
});

describe("what is no API token by its form", () => {
  it("is refused without a look at the store", async () => {
    const { tokens, store } = await open();
    const { token } = await tokens.issue(signer);
    const loads = store.calls.load;
    const typo = token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    const presented = [
      "",
      "x",
      token.slice(1),
      token.slice(0, -1),
      `${token} `,
      `${token}\n`,
      typo,
      "x".repeat(16_384),
    ];
    for (const text of presented) expect(await tokens.authenticate(text), text.slice(0, 60)).toBeNull();
    expect(store.calls.load).toBe(loads);
  });
});

describe("strangers", () => {
  it("cost one look a second, however many they are", async () => {
    const { tokens, store, clock } = await open();
    const strangers = await Promise.all(Array.from({ length: 50 }, stranger));
    const [loads, from] = [store.calls.load, clock.monotonic()];
    for (let round = 0; round < 4; round++) {
      const answers = await Promise.all(strangers.map((token) => tokens.authenticate(token)));
      expect(answers.every((answer) => answer === null)).toBe(true);
    }
    const seconds = clock.monotonic() - from;
    expect(store.calls.load - loads).toBeLessThanOrEqual(seconds + 1);
    expect(store.calls.load - loads).toBeGreaterThanOrEqual(4);
  });

  it("do not keep those waiting who are known", async () => {
    const { tokens, store, clock } = await open();
    const { token } = await tokens.issue(signer);
    const held = store.delayNextLoad();
    const asked = tokens.authenticate(await stranger());
    await held.reached;
    const before = clock.monotonic();
    expect(await tokens.authenticate(token)).not.toBeNull();
    expect(clock.monotonic()).toBe(before);
    held.release();
    expect(await asked).toBeNull();
  });
});

describe("while the store is down", () => {
  it("those who are known are let in until the lease ends, then nobody, then all again", async () => {
    const { tokens, store, clock, events } = await open({ leaseSeconds: 100 });
    const { token } = await tokens.issue(signer);
    events.length = 0;
    store.down = true;
    for (const seconds of [30, 30, 40]) {
      clock.advance(seconds);
      await tokens.refresh();
      expect(await tokens.authenticate(token)).not.toBeNull();
    }
    clock.advance(1);
    expect(await codeOf(tokens.authenticate(token))).toBe("store_unavailable");
    expect(events.map(({ type }) => type)).toEqual(["api_tokens_failed"]);
    store.down = false;
    expect(await tokens.authenticate(token)).not.toBeNull();
    expect(events.map(({ type }) => type)).toEqual(["api_tokens_failed", "api_tokens_recovered"]);
  });

  it("of a stranger nobody can tell, which is not the same as a refusal", async () => {
    const { tokens, store } = await open();
    store.down = true;
    expect(await codeOf(tokens.authenticate(await stranger()))).toBe("store_unavailable");
  });

  it("nothing opens", async () => {
    const { another, store } = await open();
    store.down = true;
    expect(await codeOf(another({ store }))).toBe("store_unavailable");
  });

  it("the age of what is in memory is told by the clock that says more", async () => {
    const clock = manualClock();
    const { tokens, store } = await open({ leaseSeconds: 100, clock });
    const { token } = await tokens.issue(signer);
    store.down = true;
    clock.wall -= 3600;
    clock.sinceBoot += 101;
    expect(await codeOf(tokens.authenticate(token))).toBe("store_unavailable");
  });
});

describe("a book that was put there past the nodes", () => {
  it("is refused where it is older than what was seen, and nobody gets back in", async () => {
    const { tokens, place, events } = await open();
    const { token, view } = await tokens.issue(signer);
    const backup = place.newest().document;
    await tokens.revoke(view.id, { reason: "leaked", ...BY });
    events.length = 0;
    place.restore(backup);
    await tokens.refresh();
    expect(events).toMatchObject([{ type: "api_tokens_failed", error: { code: "api_tokens_rolled_back" } }]);
    expect(await tokens.authenticate(token)).toBeNull();
    expect(await codeOf(tokens.issue(signer))).toBe("api_tokens_rolled_back");
  });

  it("is refused where it is gone, another one, or another history", async () => {
    for (const document of [null, (await sealBook({ ...bookOf(), generation: 9 }, kek)).document]) {
      const { tokens, place } = await open();
      await tokens.issue(signer);
      if (document === null) place.lose();
      else place.restore(document);
      expect(await codeOf(tokens.issue(signer))).toBe("api_tokens_rolled_back");
    }
    const { tokens, place, another } = await open();
    await tokens.issue(signer);
    const first = place.newest().document;
    const fork = await another();
    await tokens.issue(signer);
    place.restore(first);
    await fork.tokens.issue(signer);
    expect(await codeOf(tokens.issue(signer))).toBe("api_tokens_rolled_back");
  });

  it("is refused without the KEK, or under another", async () => {
    const { tokens, place, another } = await open();
    await tokens.issue(signer);
    place.restore(place.newest().document.replace('"signer"', '"operator"'));
    expect(await codeOf(another())).toBe("api_tokens_tampered");
    place.restore((await sealBook(bookOf(), otherKek)).document);
    expect(await codeOf(another())).toBe("kek_mismatch");
    place.restore("{}");
    expect(await codeOf(another())).toBe("api_tokens_corrupt");
  });
});
