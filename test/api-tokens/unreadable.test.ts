/** Books that a node does not take up: another ring's, an older form's, none that can be read. */
import { describe, expect, it } from "vitest";
import { createApiTokens } from "../../src/api-tokens/api-tokens.ts";
import { kek } from "../keys/sample-key.ts";
import { place } from "../manager/faulty-store.ts";
import { BY, codeOf, open } from "./opened.ts";

const orders = { name: "orders", role: "signer", ...BY } as const;

describe("a book of another ring", () => {
  it("is refused, also under the same KEK, naming both rings", async () => {
    const staging = await open({ ring: "staging" });
    await staging.tokens.issue({ ...orders, role: "security" });
    const store = place();
    store.restore(staging.place.newest().document);
    await expect(createApiTokens({ store, ring: "production", keks: [kek] })).rejects.toMatchObject({
      code: "api_tokens_tampered",
      message: expect.stringMatching(/another ring: .*staging.*production/),
    });
  });
});

describe("a book of the form before this one", () => {
  it("is refused in words", async () => {
    const { tokens, place: there } = await open();
    await tokens.issue(orders);
    there.restore(there.newest().document.replace('"schema":2', '"schema":1'));
    await expect(open({}, there)).rejects.toMatchObject({
      code: "api_tokens_corrupt",
      message: expect.stringContaining("an older keyturn wrote them, in form 1"),
      fix: expect.stringContaining("issue API tokens anew"),
    });
  });
});

describe("a book that cannot be read at first", () => {
  const broken = async () => {
    const { tokens, place: there } = await open();
    const issued = await tokens.issue(orders);
    const whole = there.newest().document;
    there.restore("{}");
    return { there, whole, ...issued };
  };

  it("is a failure, unless it may be read later", async () => {
    const { there } = await broken();
    expect(await codeOf(open({}, there))).toBe("api_tokens_corrupt");
    expect(await codeOf(open({ mustRead: false }, there))).toBeUndefined();
  });

  it("is told to whoever calls, changes nothing, and is taken up when it is whole again", async () => {
    const { there, whole, token, view } = await broken();
    const { tokens, events, clock } = await open({ mustRead: false }, there);
    expect(events).toMatchObject([{ type: "api_tokens_failed", error: { code: "api_tokens_corrupt" } }]);
    expect(await codeOf(tokens.authenticate(token))).toBe("api_tokens_corrupt");
    expect(await codeOf(tokens.issue(orders))).toBe("api_tokens_corrupt");
    clock.advance(60);
    expect(tokens.status()).toMatchObject({ canAuthenticate: false, ageSeconds: 60 });
    there.restore(whole);
    clock.advance(2);
    expect(await tokens.authenticate(token)).toMatchObject({ id: view.id });
    expect(tokens.status()).toEqual({ canAuthenticate: true, ageSeconds: 0 });
    expect(events.at(-1)).toEqual({ type: "api_tokens_recovered" });
  });
});

describe("the status", () => {
  it("says for how long the copy in memory decides", async () => {
    const { tokens, clock } = await open({ leaseSeconds: 100 });
    clock.advance(100);
    expect(tokens.status()).toEqual({ canAuthenticate: true, ageSeconds: 100 });
    clock.advance(1);
    expect(tokens.status()).toEqual({ canAuthenticate: false, ageSeconds: 101 });
    await tokens.refresh();
    expect(tokens.status()).toEqual({ canAuthenticate: true, ageSeconds: 0 });
  });
});
