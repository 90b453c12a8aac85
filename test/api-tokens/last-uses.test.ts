/** Last uses on a store that bears few commits: an hour after anybody's commit, or along with one. */
import { describe, expect, it } from "vitest";
import { place } from "../manager/faulty-store.ts";
import { START } from "../manager/manual-clock.ts";
import { BY, open } from "./opened.ts";

const HOUR = 3600;
const signer = { name: "orders", role: "signer", ...BY } as const;

/** Two nodes on one place that bears a commit in 15 minutes, and a token that has just been issued. */
async function fleet() {
  const there = Object.assign(place(), { writesEverySeconds: 900 });
  const one = await open({}, there);
  const two = await one.another();
  const { token, view } = await one.tokens.issue(signer);
  const written = async () => (await one.another()).tokens.list().map(({ lastUsedAt }) => lastUsedAt);
  return { one, two, token, view, clock: one.clock, commits: () => there.history.length, written };
}

describe("last uses on a store that bears few commits", () => {
  it("are written an hour after the last commit, whoever made that, and by one node of all", async () => {
    const { one, two, token, clock, commits, written } = await fleet();
    clock.advance(HOUR - 1);
    for (const { tokens } of [one, two]) {
      await tokens.authenticate(token);
      await tokens.flush();
    }
    expect(commits()).toBe(1);
    clock.advance(1);
    for (const { tokens } of [one, two]) await tokens.flush();
    expect(commits()).toBe(2);
    expect(await written()).toEqual([START + HOUR - 1]);
  });

  it("come to no more than one commit an hour, however many nodes see uses at all times", async () => {
    const { one, two, token, clock, commits } = await fleet();
    for (let minute = 0; minute < 24 * 60; minute++) {
      clock.advance(60);
      for (const { tokens } of [one, two]) {
        await tokens.authenticate(token);
        await tokens.flush();
      }
    }
    expect(commits()).toBe(1 + 24);
  });

  it("go along with every other commit, which none of them holds up", async () => {
    const { one, token, view, clock, commits, written } = await fleet();
    clock.advance(10);
    await one.tokens.authenticate(token);
    await one.tokens.issue(signer);
    expect(await written()).toEqual([START + 10, null]);
    clock.advance(HOUR);
    await one.tokens.authenticate(token);
    const { token: next } = await one.tokens.rotate(view.id, { ...BY });
    expect((await written())[0]).toBe(START + HOUR + 10);
    clock.advance(10);
    await one.tokens.authenticate(token);
    await one.tokens.revoke(view.id, { reason: "leaked", ...BY });
    expect((await written())[0]).toBe(START + HOUR + 20);
    expect(next).not.toBeNull();
    expect(commits()).toBe(4);
  });
});

describe("rotations on a store that bears few commits", () => {
  it("are refused of a token younger than an hour, so that no thief keeps a revocation out", async () => {
    const { one, view, clock, commits } = await fleet();
    clock.advance(HOUR - 1);
    await expect(one.tokens.rotate(view.id, { ...BY })).rejects.toMatchObject({ code: "api_tokens_full" });
    expect(commits()).toBe(1);
    clock.advance(1);
    const first = await one.tokens.rotate(view.id, { ...BY });
    // Its answer can be asked for again at any time; the successor has to wait as well.
    expect((await one.tokens.rotate(view.id, { ...BY })).token).toBe(first.token);
    await expect(one.tokens.rotate(first.view.id, { ...BY })).rejects.toMatchObject({
      code: "api_tokens_full",
    });
    expect(commits()).toBe(2);
  });

  it("leave each token time for one: none is issued for less than two hours", async () => {
    const { one } = await fleet();
    await expect(one.tokens.issue({ ...signer, expiresInSeconds: 2 * HOUR - 1 })).rejects.toMatchObject({
      code: "api_token_order_invalid",
      problems: [{ at: "expiresInSeconds" }],
    });
    await one.tokens.issue({ ...signer, expiresInSeconds: 2 * HOUR });
  });
});
