/** `revoke --line` reaches whoever holds a token of the line, whatever became of the entry that is named. */
import { describe, expect, it } from "vitest";
import { BY, codeOf, open } from "./opened.ts";

const orders = { name: "orders", role: "signer", ...BY } as const;
const leaked = { reason: "leaked", line: true, ...BY };

describe("the line of a token that leaked", () => {
  it("ends also when the thief has rotated on until its entry was forgotten", async () => {
    const { tokens, clock } = await open();
    const { view: first } = await tokens.issue(orders);
    const { view: second } = await tokens.rotate(first.id, { overlapSeconds: 300, ...BY });
    let held = { id: second.id, token: "" };
    while (tokens.list().some(({ id }) => id === second.id)) {
      clock.advance(85);
      const { view, token } = await tokens.rotate(held.id, { overlapSeconds: 300, ...BY });
      held = { id: view.id, token: token as string };
    }
    expect(await codeOf(tokens.rotate(second.id, BY))).toBe("api_token_unknown");
    const alone = await tokens.revoke(second.id, { reason: "leaked", ...BY });
    expect(alone).toMatchObject({ changed: false, stillGood: expect.arrayContaining([held.id]) });
    expect(await tokens.revoke(second.id, leaked)).toEqual({ changed: true, stillGood: [] });
    expect(await tokens.authenticate(held.token)).toBeNull();
    expect(await tokens.revoke(first.id, leaked)).toEqual({ changed: false, stillGood: [] });
  });

  it("ends whole where one in its middle was dropped for want of room", async () => {
    const { tokens, clock } = await open();
    const a = await tokens.issue(orders);
    const scope = { audiences: Array.from({ length: 20 }, (_, i) => `${i}${"x".repeat(190)}`), claims: null };
    const wide = { ...orders, name: "wide", scope };
    const b = await tokens.rotate(a.view.id, { overlapSeconds: 900, ...BY });
    const c = await tokens.rotate(b.view.id, { overlapSeconds: 300, ...BY });
    while ((await codeOf(tokens.issue(wide))) === undefined);
    const rotateWide = async () => {
      for (const { id, successor } of tokens.list().filter(({ name }) => name === "wide"))
        if (successor === null) await tokens.rotate(id, { overlapSeconds: 300, ...BY });
    };
    await rotateWide();
    clock.advance(400);
    await rotateWide();
    expect(tokens.list().map(({ id }) => id)).not.toContain(b.view.id);
    expect(await tokens.revoke(a.view.id, leaked)).toEqual({ changed: true, stillGood: [] });
    expect(await tokens.authenticate(c.token as string)).toBeNull();
  });

  it("is told by the ids: they begin alike, and those of others do not", async () => {
    const { tokens } = await open();
    const { view } = await tokens.issue(orders);
    const { view: next } = await tokens.rotate(view.id, BY);
    const { view: other } = await tokens.issue(orders);
    expect(next).toMatchObject({ line: view.id, id: expect.stringMatching(/^t_[\w-]{16}$/) });
    expect(next.id.slice(0, 10)).toBe(view.id.slice(0, 10));
    expect(next.id).not.toBe(view.id);
    expect(other.id.slice(0, 10)).not.toBe(view.id.slice(0, 10));
    expect(await codeOf(tokens.revoke(`t_${"0".repeat(16)}`, leaked))).toBe("api_token_unknown");
  });
});
