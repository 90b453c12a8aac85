/** Clocks that are wrong: what they do to API tokens, and what they do not. */
import { describe, expect, it } from "vitest";
import { manualClock, START } from "../manager/manual-clock.ts";
import { BY, codeOf, open } from "./opened.ts";

const YEAR = 31_536_000;
const orders = { name: "orders", role: "signer", ...BY } as const;

describe("a node whose clock is a year ahead", () => {
  const aheadOf = async () => {
    const node = await open();
    const eternal = await node.tokens.issue({ ...orders, expiresInSeconds: null });
    const honest = await node.tokens.issue(orders);
    const ahead = await node.another({ clock: manualClock(START + YEAR) });
    return { node, ahead, eternal, honest };
  };

  it("ends no token of the others by writing down a use, nor makes anybody forget one", async () => {
    const { node, ahead, eternal, honest } = await aheadOf();
    await ahead.tokens.authenticate(eternal.token);
    await ahead.tokens.flush();
    await node.tokens.refresh();
    expect(await node.tokens.authenticate(honest.token)).not.toBeNull();
    const fresh = await node.another();
    expect(await fresh.tokens.authenticate(honest.token)).not.toBeNull();
  });

  it("ends none by a change either, where a node was running: no year has passed there", async () => {
    const { node, ahead, eternal, honest } = await aheadOf();
    await ahead.tokens.issue(orders);
    await ahead.tokens.rotate(eternal.view.id, BY);
    await node.tokens.refresh();
    expect(await node.tokens.authenticate(honest.token)).not.toBeNull();
    expect(node.tokens.list()).toHaveLength(4);
  });

  it("is believed by a node that starts, until one that was running has changed the book", async () => {
    const { node, ahead, honest } = await aheadOf();
    await ahead.tokens.issue(orders);
    await node.tokens.refresh();
    const fresh = await node.another();
    expect(await fresh.tokens.authenticate(honest.token)).toBeNull();
    await node.tokens.rotate(honest.view.id, BY);
    await fresh.tokens.refresh();
    expect(await fresh.tokens.authenticate(honest.token)).not.toBeNull();
  });
});

describe("a clock that was set back", () => {
  const setBack = async () => {
    const node = await open();
    const short = await node.tokens.issue({ ...orders, expiresInSeconds: 3600 });
    node.clock.advance(7200);
    const later = await node.tokens.issue(orders);
    expect(await node.tokens.authenticate(short.token)).toBeNull();
    const clock = manualClock(START + 60);
    return { node, short, later, clock, back: await node.another({ clock }) };
  };

  it("raises no token that the book itself knows to be over", async () => {
    const { short, later, back } = await setBack();
    expect(await back.tokens.authenticate(short.token)).toBeNull();
    expect(await back.tokens.authenticate(later.token)).not.toBeNull();
    expect(back.tokens.list().map(({ phase }) => phase)).toEqual(["expired", "valid"]);
    expect(await codeOf(back.tokens.rotate(short.view.id, BY))).toBe("api_token_ended");
  });

  it("gives a book no earlier date, and time goes on from there", async () => {
    const { node, short, later, clock, back } = await setBack();
    const successor = await back.tokens.rotate(later.view.id, BY);
    expect(successor.overlapUntil).toBeGreaterThanOrEqual(node.clock.now() + 600 - 30);
    for (let i = 0; i < 5; i++) await (await back.another()).tokens.issue(orders);
    expect(await (await back.another()).tokens.authenticate(short.token)).toBeNull();
    clock.advance(660);
    expect(await back.tokens.authenticate(later.token)).toBeNull();
    expect(await back.tokens.authenticate(successor.token as string)).not.toBeNull();
  });

  it("by no more than the skew changes nothing", async () => {
    const node = await open();
    const { token } = await node.tokens.issue({ ...orders, expiresInSeconds: 60 });
    node.clock.advance(95);
    await node.tokens.issue(orders);
    const behind = await node.another({ clock: manualClock(node.clock.now() - 30) });
    expect(await behind.tokens.authenticate(token)).not.toBeNull();
  });
});
