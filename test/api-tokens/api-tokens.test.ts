import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createApiTokens } from "../../src/api-tokens/api-tokens.ts";
import { isTokenText } from "../../src/api-tokens/token-text.ts";
import { fileStore } from "../../src/store/file.ts";
import { kek, otherKek } from "../keys/sample-key.ts";
import { START } from "../manager/manual-clock.ts";
import { newRingFolder } from "../store/folders.ts";
import { BY, codeOf, open, RING } from "./opened.ts";

const signer = { name: "orders", role: "signer", ...BY } as const;
const leaked = { reason: "leaked", ...BY };

describe("issue", () => {
  it("tells the value once, and keeps nothing of it but its hash", async () => {
    const { tokens, place, events } = await open();
    const { token, view } = await tokens.issue({ ...signer, role: "operator", expiresInSeconds: 3600 });
    expect(await isTokenText(token)).toBe(true);
    expect(view).toEqual({
      id: expect.stringMatching(/^t_[\w-]{16}$/),
      line: view.id,
      name: "orders",
      role: "operator",
      scope: null,
      phase: "valid",
      createdAt: START,
      expiresAt: START + 3600,
      successor: null,
      overlapUntil: null,
      revokedAt: null,
      revokedBecause: null,
      lastUsedAt: null,
    });
    const secret = token.slice("keyturn_".length, -6);
    const all = JSON.stringify([place.history, events, tokens.list(), view]);
    expect(all).not.toContain(secret);
    expect(all).not.toContain(Buffer.from(secret, "base64url").toString("hex"));
    expect(place.newest().document).toContain(createHash("sha256").update(token).digest("base64url"));
    expect(JSON.stringify([events, tokens.list()])).not.toContain(
      createHash("sha256").update(token).digest("base64url"),
    );
  });

  it("tells who made what for whom", async () => {
    const { tokens, events } = await open();
    const { view } = await tokens.issue(signer);
    expect(events).toEqual([
      {
        type: "api_token_changed",
        event: "issued",
        id: view.id,
        name: "orders",
        role: "signer",
        successor: null,
        by: "cli:tester",
        reason: null,
      },
    ]);
  });

  it("refuses an order that cannot be, and an actor that would steer a terminal, and stores nothing", async () => {
    const { tokens, store } = await open();
    expect(await codeOf(tokens.issue({ ...signer, name: "" }))).toBe("api_token_order_invalid");
    expect(await codeOf(tokens.issue({ ...signer, by: "a\nb" }))).toBe("reason_invalid");
    expect(store.calls.replace).toBe(0);
  });

  it("never makes two of one value, also by many nodes at once on an empty disk", async () => {
    const folder = await newRingFolder();
    const nodes = await Promise.all(
      Array.from({ length: 5 }, () => createApiTokens({ store: fileStore(folder), ring: RING, keks: [kek] })),
    );
    const issued = await Promise.all(nodes.flatMap((node) => [node.issue(signer), node.issue(signer)]));
    expect(new Set(issued.map(({ token }) => token)).size).toBe(10);
    for (const node of nodes) {
      await node.refresh();
      expect(node.list()).toHaveLength(10);
      for (const { token } of issued) expect(await node.authenticate(token)).not.toBeNull();
    }
  });
});

describe("rotate", () => {
  it("gives a successor, good at once on every node, and both until the overlap is over", async () => {
    const { tokens, another, clock, events } = await open();
    const { token: old, view } = await tokens.issue(signer);
    const other = await another();
    const rotated = await tokens.rotate(view.id, { overlapSeconds: 300, ...BY });
    expect(rotated).toMatchObject({
      changed: true,
      overlapUntil: START + 300,
      view: { name: "orders", phase: "valid" },
    });
    const next = rotated.token as string;
    const good = async () =>
      Promise.all([old, next].map(async (text) => (await other.tokens.authenticate(text)) !== null));
    expect(await good()).toEqual([true, true]);
    clock.advance(328);
    await other.tokens.refresh();
    expect(await good()).toEqual([true, true]);
    clock.advance(2);
    expect(await good()).toEqual([false, true]);
    expect(events.slice(1)).toMatchObject([
      { event: "rotated", id: view.id, successor: rotated.view.id, by: "cli:tester" },
    ]);
  });

  it("answers with the same value on every node for as long as the overlap lasts, and tells it once", async () => {
    const { tokens, another, clock, place } = await open();
    const { view } = await tokens.issue(signer);
    const first = await tokens.rotate(view.id, BY);
    const other = await another();
    clock.advance(500);
    const again = await other.tokens.rotate(view.id, { overlapSeconds: 900, ...BY });
    expect(again).toEqual({ ...first, changed: false });
    expect(other.events).toEqual([]);
    expect(place.history).toHaveLength(2);
    clock.advance(131);
    expect(await codeOf(tokens.rotate(view.id, BY))).toBe("api_token_ended");
  });

  it("by many nodes at once is one rotation", async () => {
    const folder = await newRingFolder();
    const nodes = await Promise.all(
      Array.from({ length: 6 }, () => createApiTokens({ store: fileStore(folder), ring: RING, keks: [kek] })),
    );
    const { view } = await (nodes[0] as (typeof nodes)[number]).issue(signer);
    const rotated = await Promise.all(nodes.map((node) => node.rotate(view.id, BY)));
    expect(new Set(rotated.map(({ token }) => token)).size).toBe(1);
    expect(rotated.filter(({ changed }) => changed)).toHaveLength(1);
    await nodes[0]?.refresh();
    expect(nodes[0]?.list()).toHaveLength(2);
  });

  it("goes on and on, each token with its own successor", async () => {
    const { tokens, clock } = await open();
    let { token, view } = await tokens.issue({ ...signer, scope: { audiences: ["orders"], claims: null } });
    const seen = new Set([token]);
    for (let round = 0; round < 20; round++) {
      const next = await tokens.rotate(view.id, { overlapSeconds: 300, ...BY });
      ({ token, view } = { token: next.token as string, view: next.view });
      expect(seen.has(token)).toBe(false);
      seen.add(token);
      expect(await tokens.authenticate(token)).toMatchObject({
        name: "orders",
        scope: { audiences: ["orders"] },
      });
      clock.advance(200);
      await tokens.refresh();
    }
  });
});

describe("revoke", () => {
  it("ends a token, tells why, and says which of its line are still good", async () => {
    const { tokens, events } = await open();
    const first = await tokens.issue(signer);
    const second = await tokens.rotate(first.view.id, BY);
    const third = await tokens.rotate(second.view.id, BY);
    const outcome = await tokens.revoke(second.view.id, leaked);
    expect(outcome).toEqual({ changed: true, stillGood: [first.view.id, third.view.id] });
    expect(events.at(-1)).toMatchObject({
      event: "revoked",
      id: second.view.id,
      reason: "leaked",
      by: "cli:tester",
    });
    expect(await tokens.authenticate(second.token as string)).toBeNull();
    expect(await codeOf(tokens.rotate(first.view.id, BY))).toBe("api_token_ended");
  });

  it("ends the whole line where that is asked for, in one commit", async () => {
    const { tokens, events, place } = await open();
    const first = await tokens.issue(signer);
    const second = await tokens.rotate(first.view.id, BY);
    const other = await tokens.issue(signer);
    const outcome = await tokens.revoke(first.view.id, { ...leaked, line: true });
    expect(outcome).toEqual({ changed: true, stillGood: [] });
    expect(place.history).toHaveLength(4);
    expect(events.slice(-2)).toMatchObject([{ id: first.view.id }, { id: second.view.id }]);
    for (const token of [first.token, second.token])
      expect(await tokens.authenticate(token as string)).toBeNull();
    expect(await tokens.authenticate(other.token)).not.toBeNull();
  });

  it("changes nothing the second time, and refuses an id that is none and a reason that is none", async () => {
    const { tokens, events, place } = await open();
    const { view } = await tokens.issue(signer);
    await tokens.revoke(view.id, leaked);
    const [told, commits] = [events.length, place.history.length];
    expect(await tokens.revoke(view.id, { ...leaked, line: true })).toEqual({
      changed: false,
      stillGood: [],
    });
    expect([events.length, place.history.length]).toEqual([told, commits]);
    for (const line of [true, false])
      expect(await codeOf(tokens.revoke("t_AAAAAAAAAAAAAAAA", { ...leaked, line }))).toBe(
        "api_token_unknown",
      );
    expect(await codeOf(tokens.revoke(view.id, { ...leaked, reason: "  " }))).toBe("reason_invalid");
  });
});

describe("last uses", () => {
  it("are seen at once in the list, and written down seldom and all in one commit", async () => {
    const { tokens, another, clock, place } = await open();
    const [one, two] = [await tokens.issue(signer), await tokens.issue(signer)];
    const lastUses = () => tokens.list().map(({ lastUsedAt }) => lastUsedAt);
    expect(lastUses()).toEqual([null, null]);
    clock.advance(10);
    await tokens.authenticate(one.token);
    expect(lastUses()).toEqual([START + 10, null]);
    await tokens.flush();
    expect(place.history).toHaveLength(3);
    clock.advance(60);
    await Promise.all([tokens.authenticate(one.token), tokens.authenticate(two.token)]);
    await tokens.flush();
    await tokens.flush();
    expect(place.history).toHaveLength(4);
    const elsewhere = (await another()).tokens.list().map(({ lastUsedAt }) => lastUsedAt);
    expect(elsewhere).toEqual([START + 70, START + 70]);
  });

  it("are not made by tokens that are refused, and need no commit where there was none", async () => {
    const { tokens, place } = await open();
    await tokens.flush();
    expect(place.history).toEqual([]);
    const { token, view } = await tokens.issue(signer);
    await tokens.revoke(view.id, leaked);
    await tokens.authenticate(token);
    await tokens.flush();
    expect(tokens.list().map(({ lastUsedAt }) => lastUsedAt)).toEqual([null]);
  });

  it("that cannot be written are told, and written when they can be", async () => {
    const { tokens, store, events } = await open();
    const { token } = await tokens.issue(signer);
    await tokens.authenticate(token);
    store.commitFaults.push("unavailable");
    await tokens.flush();
    expect(events.at(-1)).toMatchObject({ type: "api_tokens_failed", error: { code: "store_unavailable" } });
    const commits = store.calls.replace;
    await tokens.flush();
    expect(store.calls.replace).toBe(commits + 1);
  });
});

describe("a change of KEK", () => {
  it("moves the book in one commit; successors are told again as long as the old KEK is there", async () => {
    const { tokens, another, place } = await open();
    const { token, view } = await tokens.issue(signer);
    const rotated = await tokens.rotate(view.id, BY);
    const moving = await another({ keks: [otherKek, kek] });
    expect(await moving.tokens.rewrap()).toEqual({ changed: true });
    expect(await moving.tokens.rewrap()).toEqual({ changed: false });
    expect(place.history).toHaveLength(3);
    expect(await moving.tokens.authenticate(token)).not.toBeNull();
    expect((await moving.tokens.rotate(view.id, BY)).token).toBe(rotated.token);

    const moved = await another({ keks: [otherKek] });
    expect(await moved.tokens.authenticate(rotated.token as string)).not.toBeNull();
    expect(await moved.tokens.rotate(view.id, BY)).toMatchObject({
      token: null,
      changed: false,
      view: { id: rotated.view.id },
    });
    expect(await codeOf(another())).toBe("kek_mismatch");
  });

  it("leaves the book under the KEK that it is under until it is moved, and makes none", async () => {
    const { tokens, another, place } = await open();
    const both = await another({ keks: [otherKek, kek] });
    expect(await both.tokens.rewrap()).toEqual({ changed: false });
    expect(place.history).toEqual([]);
    await tokens.issue(signer);
    await both.tokens.issue(signer);
    expect(JSON.parse(place.newest().document).kek).toBe(kek.id);
  });
});
