/** The changes of API tokens on a store that fails in each of its ways. */
import { describe, expect, it } from "vitest";
import { BY, codeOf, open } from "./opened.ts";

const signer = { name: "orders", role: "signer", ...BY } as const;
const leaked = { reason: "leaked", ...BY };

describe("a commit that", () => {
  it("lost against another node's is decided anew on what that left", async () => {
    const { tokens, store, another } = await open();
    const { view } = await tokens.issue(signer);
    const other = await another();
    const theirs: unknown[] = [];
    store.beforeReplace.push(async () => theirs.push(await other.tokens.rotate(view.id, BY)));
    const ours = await tokens.rotate(view.id, BY);
    expect([{ ...ours, changed: true }]).toEqual(theirs);
    expect(ours.changed).toBe(false);
  });

  it("is lost twenty times in a row is given up", async () => {
    const { tokens, store } = await open();
    store.commitFaults.push(...Array.from({ length: 20 }, () => "conflict" as const));
    expect(await codeOf(tokens.issue(signer))).toBe("conflict");
    expect(store.calls.replace).toBe(20);
    store.commitFaults.push(...Array.from({ length: 19 }, () => "conflict" as const));
    expect(await codeOf(tokens.issue(signer))).toBeUndefined();
  });

  it.each(["unknown_committed", "unknown_not_committed", "unknown_late"] as const)(
    "ends in doubt (%s) is found out, and happens once",
    async (fault) => {
      const { tokens, store, events } = await open();
      store.commitFaults.push(fault);
      const { token, view } = await tokens.issue(signer);
      expect(await tokens.authenticate(token)).toMatchObject({ id: view.id });
      store.commitFaults.push(fault);
      const rotated = await tokens.rotate(view.id, BY);
      expect(await tokens.authenticate(rotated.token as string)).toMatchObject({ id: rotated.view.id });
      store.commitFaults.push(fault);
      expect(await tokens.revoke(view.id, leaked)).toEqual({ changed: true, stillGood: [rotated.view.id] });
      expect(await tokens.authenticate(token)).toBeNull();
      expect(tokens.list()).toHaveLength(2);
      expect(events.map((event) => "event" in event && event.event)).toEqual([
        "issued",
        "rotated",
        "revoked",
      ]);
    },
  );

  it("ends in doubt that cannot be found out says so, and is none of the other failures", async () => {
    const { tokens, store } = await open();
    store.commitFaults.push("unknown_committed");
    store.afterUnknown = () => {
      store.down = true;
    };
    expect(await codeOf(tokens.issue(signer))).toBe("commit_unknown");
  });

  it("the store refuses has not happened", async () => {
    const { tokens, store, events } = await open();
    store.commitFaults.push("unavailable");
    expect(await codeOf(tokens.issue(signer))).toBe("store_unavailable");
    expect([tokens.list(), events]).toEqual([[], []]);
    expect(await codeOf(tokens.issue(signer))).toBeUndefined();
  });

  it("overtakes a slow look is not undone by what that look saw", async () => {
    const { tokens, store, events } = await open();
    const { token, view } = await tokens.issue(signer);
    const slow = store.delayNextLoad();
    const looking = tokens.refresh();
    await slow.reached;
    await tokens.revoke(view.id, leaked);
    slow.release();
    await looking;
    expect(await tokens.authenticate(token)).toBeNull();
    expect(events.filter(({ type }) => type === "api_tokens_failed")).toEqual([]);
  });

  it("overtakes a slow look that saw another history is not replaced by that", async () => {
    const { tokens, store, place, another, events } = await open();
    await tokens.issue(signer);
    const first = place.newest().document;
    await (await another()).tokens.issue(signer);
    const slow = store.delayNextLoad();
    const looking = tokens.refresh();
    await slow.reached;
    place.restore(first);
    const { token } = await tokens.issue(signer);
    slow.release();
    await looking;
    expect(events.at(-1)).toMatchObject({
      type: "api_tokens_failed",
      error: { code: "api_tokens_rolled_back" },
    });
    expect(await tokens.authenticate(token)).not.toBeNull();
  });

  it("lost its answer and its race is not taken for the one that won", async () => {
    const { tokens, store, another, events } = await open();
    const { view } = await tokens.issue(signer);
    const other = await another();
    store.commitFaults.push("unknown_not_committed");
    store.afterUnknown = () => other.tokens.rotate(view.id, BY);
    const ours = await tokens.rotate(view.id, BY);
    expect(ours).toEqual({ ...(await other.tokens.rotate(view.id, BY)), changed: false });
    expect(events).toHaveLength(1);
  });
});
