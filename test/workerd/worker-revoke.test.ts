/** A revoke through the Worker: what goes at once, and what goes by when. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { EdgeCache } from "../../src/cloudflare/platform.ts";
import { revokeView } from "../../src/http/admin/answers.ts";
import { DEFAULT_POLICY } from "../../src/ring/policy.ts";
import { type Deployment, deployment, type Isolate, JWKS, NO_CACHE, otherCache } from "./worker-isolate.ts";

const MAX_AGE = 530;
const SKEW = 30;

let place: Deployment;
let isolate: Isolate;
let standby: string;

beforeEach(async () => {
  place = await deployment();
  isolate = place.isolate();
  standby = (await isolate.kids())[1] ?? "";
});

const revoke = (by: Isolate = isolate) => by.command(`/v1/keys/${standby}/revoke`, { reason: "test" });

describe("a revoke", () => {
  it("takes the key out of the data centre at once, and says so", async () => {
    const other = place.isolate();
    const { status, body } = await revoke();
    expect(status).toBe(200);
    expect(revokeView.parse(body)).toMatchObject({ kid: standby, changed: true, edge: { purged: true } });
    for (const one of [isolate, other, place.isolate()]) expect(await one.kids()).not.toContain(standby);
  });

  it("holds everywhere by when it says, and not before", async () => {
    const far = place.isolate(await otherCache());
    await far.ask(JWKS);
    const { body } = await revoke();
    const { elsewhereUntil } = body.edge;
    expect(elsewhereUntil).toBe(place.clock.now() + MAX_AGE + SKEW);
    expect(body.refusedByAt).toBeGreaterThan(elsewhereUntil);
    place.clock.advance(MAX_AGE - 1);
    expect(await far.kids()).toContain(standby);
    place.clock.advance(elsewhereUntil - place.clock.now());
    expect(await far.kids()).not.toContain(standby);
  });

  it("counts copies of a policy that allowed more", async () => {
    const policy = { ...DEFAULT_POLICY, jwksCacheSeconds: 300 };
    const applied = await isolate.command("/v1/ring/policy", { policy });
    expect(applied.status).toBe(200);
    const { body } = await revoke();
    expect(body.edge.elsewhereUntil).toBeGreaterThan(place.clock.now() + 600);
    expect(body.edge.elsewhereUntil).toBeLessThanOrEqual(body.refusedByAt);
  });

  it("is not undone by a request that read the ring before it and keeps it after", async () => {
    const gate = gated();
    const slow = place.isolate(gate.cache);
    const context = createExecutionContext();
    const url = `https://auth.example.com${JWKS}`;
    const early = await slow.worker.fetch(new Request(url), place.environment, context);
    expect(await early.text()).toContain(standby);
    await gate.reached;
    await revoke(place.isolate());
    gate.open();
    await waitOnExecutionContext(context);
    for (const one of [place.isolate(), slow]) expect(await one.kids()).not.toContain(standby);
  });

  it("is not undone by a copy that is kept beside it and of which nobody can see whether it is still true", async () => {
    const cache = await otherCache();
    const slow = place.isolate({
      ...{ match: (url) => cache.match(url), delete: (url) => cache.delete(url) },
      async put(url, copy) {
        await revoke(place.isolate(cache));
        await cache.put(url, copy);
        place.line = "down";
      },
    });
    await slow.ask(JWKS);
    place.line = "up";
    expect(await place.isolate(cache).kids()).not.toContain(standby);
  });

  it("is one however its path is written", async () => {
    const path = `/v1/keys/${standby}/rev%6Fke`;
    const { status, body } = await isolate.command(path, { reason: "test" });
    expect([status, body.edge?.purged]).toEqual([200, true]);
    expect(await place.isolate().kids()).not.toContain(standby);
  });

  it("tells where it could not be purged, in good time", async () => {
    const hangs = () => new Promise<never>(() => undefined);
    const begunAt = Date.now();
    const { body } = await revoke(place.isolate({ match: hangs, put: hangs, delete: hangs }));
    expect(body.edge).toMatchObject({ purged: false });
    expect(Date.now() - begunAt).toBeLessThan(5000);
  });

  it("tells where the cache fails", async () => {
    const fails = () => Promise.reject(new Error("no cache today"));
    const { body } = await revoke(place.isolate({ ...NO_CACHE, delete: fails }));
    expect(body.edge).toMatchObject({ purged: false });
  });

  it("purges also where nobody knows whether it was done, and not where it was refused", async () => {
    let purges = 0;
    const counting = place.isolate({ ...NO_CACHE, delete: async () => ++purges > 0 });
    expect((await counting.command("/v1/keys/nobody/revoke", { reason: "test" })).status).toBe(404);
    expect(
      (await counting.command(`/v1/keys/${standby}/revoke`, {}, { Authorization: "Bearer no" })).status,
    ).toBe(401);
    expect(purges).toBe(0);
    place.line = "down";
    expect((await revoke(counting)).status).toBe(503);
    expect(purges).toBe(1);
  });

  it("and every other command is seen at once by the isolate that it came through", async () => {
    const here = place.isolate(NO_CACHE);
    const before = (await here.ask(JWKS)).headers.get("ETag");
    await here.command("/v1/ring/pause");
    place.line = "down";
    expect((await here.ask(JWKS)).headers.get("ETag")).not.toBe(before);
  });

  it("bounds nothing where nothing is revoked", async () => {
    const { status, body } = await isolate.command("/v1/ring/pause");
    expect([status, body.edge]).toEqual([200, undefined]);
  });
});

/** A cache whose `put` waits at a gate. */
function gated() {
  let open = () => {};
  let reach = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const { default: here } = caches as unknown as { readonly default: EdgeCache };
  const cache: EdgeCache = {
    match: async () => undefined,
    delete: (url) => here.delete(url),
    async put(url, copy) {
      reach();
      await opened;
      await here.put(url, copy);
    },
  };
  return { cache, reached, open: () => open() };
}
