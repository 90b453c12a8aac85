/** Copies that may not write: whom they recognize from memory, and how the uses that they see get into the book. */
import { describe, expect, it } from "vitest";
import { tokenText } from "../../src/api-tokens/token-text.ts";
import { faultyStore } from "../manager/faulty-store.ts";
import { START } from "../manager/manual-clock.ts";
import { BY, open } from "./opened.ts";

const signer = { name: "orders", role: "signer", ...BY } as const;

/** The copy that writes, one that only reads, and a token that both know. */
async function copies() {
  const writer = await open({ leaseSeconds: 100 });
  const { token, view } = await writer.tokens.issue(signer);
  const reader = await writer.another({ leaseSeconds: 100 });
  const lastUse = () => writer.tokens.list().find(({ id }) => id === view.id)?.lastUsedAt;
  const { clock, place, another } = writer;
  const both = { writer: writer.tokens, reader: reader.tokens, store: reader.store };
  return { ...both, clock, place, another, token, view, lastUse };
}

describe("a copy that recognizes callers", () => {
  it("knows those in memory, as whoever may look in the store does", async () => {
    const { writer, reader, token } = await copies();
    expect(await reader.recognize(token)).toMatchObject({ name: "orders", role: "signer" });
    expect(await reader.recognize(token)).toEqual(await writer.authenticate(token));
  });

  it("never looks in the store, whatever it is shown and however old it is", async () => {
    const { writer, reader, store, clock, token } = await copies();
    const { load } = store.calls;
    const { token: later } = await writer.issue(signer);
    for (const presented of [later, await tokenText(new Uint8Array(32)), "", "x".repeat(16_384)])
      expect(await reader.recognize(presented)).toBeNull();
    clock.advance(101);
    expect(await reader.recognize(token)).toBeNull();
    expect(store.calls.load).toBe(load);
  });

  it("knows nobody any more when the lease has ended, until it has read again", async () => {
    const { reader, store, clock, token } = await copies();
    store.down = true;
    clock.advance(100);
    expect(await reader.recognize(token)).not.toBeNull();
    clock.sinceBoot += 0.5;
    expect(await reader.recognize(token)).toBeNull();
    store.down = false;
    await reader.refresh();
    expect(await reader.recognize(token)).not.toBeNull();
  });

  it("knows nobody before it has read the book", async () => {
    const { place, another, token } = await copies();
    const store = Object.assign(faultyStore(place), { down: true });
    const { tokens } = await another({ store, mustRead: false });
    expect(await tokens.recognize(token)).toBeNull();
    store.down = false;
    await tokens.refresh();
    expect(await tokens.recognize(token)).not.toBeNull();
  });

  it("does not know a token that was revoked or has expired", async () => {
    const { writer, reader, clock, token, view } = await copies();
    const { token: brief } = await writer.issue({ ...signer, expiresInSeconds: 60 });
    await writer.revoke(view.id, { reason: "leaked", ...BY });
    await reader.refresh();
    expect(await reader.recognize(token)).toBeNull();
    clock.advance(89);
    expect(await reader.recognize(brief)).not.toBeNull();
    clock.advance(1);
    expect(await reader.recognize(brief)).toBeNull();
  });
});

describe("last uses", () => {
  it("are taken out once, the last of each token", async () => {
    const { writer, reader, clock, token, view } = await copies();
    const { token: other, view: otherView } = await writer.issue(signer);
    await reader.refresh();
    await reader.recognize(token);
    clock.advance(10);
    await reader.recognize(token);
    await reader.authenticate(other);
    expect(reader.uses()).toEqual([
      { id: view.id, at: START + 10 },
      { id: otherView.id, at: START + 10 },
    ]);
    expect(reader.uses()).toEqual([]);
    clock.advance(5);
    await reader.recognize(token);
    expect(reader.uses()).toEqual([{ id: view.id, at: START + 15 }]);
  });

  it("of strangers and of tokens that have ended are none", async () => {
    const { writer, reader, token, view } = await copies();
    await reader.recognize(await tokenText(new Uint8Array(32)));
    await writer.revoke(view.id, { reason: "leaked", ...BY });
    await reader.refresh();
    await reader.recognize(token);
    expect(reader.uses()).toEqual([]);
  });

  it("that another copy noted are shown, and written down", async () => {
    const { writer, reader, another, clock, token, lastUse } = await copies();
    clock.advance(1000);
    await reader.refresh();
    await reader.recognize(token);
    writer.seen(reader.uses());
    expect(lastUse()).toBe(START + 1000);
    await writer.flush();
    expect((await another()).tokens.list()).toMatchObject([{ lastUsedAt: START + 1000 }]);
  });

  it("are the latest of all copies, in whichever order they arrive", async () => {
    const { writer, clock, view, lastUse } = await copies();
    clock.advance(1000);
    for (const at of [START + 700, START + 900, START + 800]) writer.seen([{ id: view.id, at }]);
    expect(lastUse()).toBe(START + 900);
  });

  it("in the future count as now", async () => {
    const { writer, clock, view, lastUse } = await copies();
    clock.advance(1000);
    writer.seen([{ id: view.id, at: START + 50_000 }]);
    expect(lastUse()).toBe(START + 1000);
  });

  it("that cannot be are left out, and do not keep the book from being written", async () => {
    const { writer, another, clock, view, lastUse } = await copies();
    clock.advance(1000);
    const impossible = [Number.NaN, -1, 0, START - 1, Number.NEGATIVE_INFINITY].map((at) => ({
      id: view.id,
      at,
    }));
    writer.seen([...impossible, { id: "t_AAAAAAAAAAAAAAAA", at: START + 10 }]);
    expect(lastUse()).toBeNull();
    expect(writer.uses()).toEqual([]);
    writer.seen([{ id: view.id, at: START + 900.7 }]);
    await writer.flush();
    expect((await another()).tokens.list()).toMatchObject([{ lastUsedAt: START + 900 }]);
  });

  it("can be given back to the copy that they were taken from", async () => {
    const { reader, clock, token, view } = await copies();
    await reader.recognize(token);
    const uses = reader.uses();
    reader.seen(uses);
    expect(reader.uses()).toEqual(uses);
    clock.advance(5);
    await reader.recognize(token);
    reader.seen(uses);
    expect(reader.uses()).toEqual([{ id: view.id, at: START + 5 }]);
  });
});
