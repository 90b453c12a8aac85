/** What is handed out to whoever looks on: background work, spans, events, counts. None of it can do harm. */
import { describe, expect, it } from "vitest";
import type { Trace } from "../../src/verifier/index.ts";
import { sampleKey } from "./sample-issuer.ts";
import {
  jwks,
  KEY,
  NEXT_KEY,
  OUTAGE,
  STRANGER,
  scene,
  settled,
  tokenOf,
  warmScene,
} from "./scripted-issuer.ts";

describe("waitUntil", () => {
  it("gets the refresh that a token starts in the background, and nothing when there is none", async () => {
    const { verifier, issuer, clock } = await warmScene();
    const works: Promise<unknown>[] = [];
    const how = { waitUntil: (work: Promise<unknown>) => void works.push(work) };
    await verifier.verify(tokenOf(KEY), how);
    expect(works).toHaveLength(0);
    issuer.held = [];
    issuer.reply = jwks([KEY, NEXT_KEY]);
    clock.advance(480);
    const token = tokenOf(KEY);
    await verifier.verify(token, how);
    await verifier.verify(token, how);
    expect(works).toHaveLength(1);
    issuer.held[0]?.answer(issuer.reply);
    await Promise.all(works);
    expect(verifier.health().issuers[0]?.kids).toEqual(["key-1", "key-2"]);
  });

  it("gets it from a token of the cache as well", async () => {
    const { verifier, clock } = await warmScene();
    const token = tokenOf(KEY);
    await verifier.verify(token);
    clock.advance(480);
    const works: Promise<unknown>[] = [];
    await verifier.verify(token, { waitUntil: (work) => void works.push(work) });
    expect(works).toHaveLength(1);
    await Promise.all(works);
    expect(verifier.health().issuers[0]?.ageSeconds).toBe(0);
  });

  it("gets the first fetch, that for an unknown kid, and the write of a snapshot", async () => {
    let saved = false;
    const snapshots = {
      load: async () => null,
      save: async () => {
        await settled();
        saved = true;
      },
    };
    const { verifier, issuer } = scene({ snapshots });
    const works: Promise<unknown>[] = [];
    const how = { waitUntil: (work: Promise<unknown>) => void works.push(work) };
    await verifier.verify(tokenOf(KEY), how);
    expect(works).toHaveLength(2);
    await Promise.all(works);
    expect(saved).toBe(true);
    issuer.reply = jwks([KEY, NEXT_KEY]);
    await verifier.verify(tokenOf(NEXT_KEY), how);
    expect(works).toHaveLength(4);
  });

  it("gets promises that do not reject, whatever goes wrong", async () => {
    const snapshots = {
      load: () => Promise.reject(new Error("no")),
      save: () => Promise.reject(new Error("no")),
    };
    const { verifier, issuer, clock } = scene({ snapshots });
    const works: Promise<unknown>[] = [];
    const how = { waitUntil: (work: Promise<unknown>) => void works.push(work) };
    await verifier.verify(tokenOf(KEY), how);
    issuer.reply = OUTAGE;
    clock.advance(480);
    await verifier.verify(tokenOf(KEY), how);
    const ends = await Promise.allSettled(works);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  });
});

describe("trace", () => {
  function traced() {
    const spans: string[] = [];
    const trace: Trace = async (name, attributes, work) => {
      spans.push([name, ...Object.entries(attributes).flat()].join(" "));
      return work();
    };
    return { spans, trace };
  }

  it("is given every verification and every request, by name", async () => {
    const { spans, trace } = traced();
    const { verdict } = scene({ trace });
    await verdict();
    await verdict();
    expect(spans).toEqual([
      "keyturn.verify",
      "keyturn.jwks.fetch url.full https://issuer.example/jwks.json",
      "keyturn.verify",
    ]);
  });

  it("changes neither what is returned nor what is thrown", async () => {
    const plain = await warmScene();
    const watched = await warmScene({ trace: traced().trace });
    const token = tokenOf(KEY);
    expect(await watched.verifier.verify(token)).toEqual(await plain.verifier.verify(token));
    for (const bad of ["", tokenOf(STRANGER), tokenOf(KEY, { aud: "other" })]) {
      const [expected, thrown] = await Promise.all(
        [plain, watched].map(({ verifier }) => verifier.verify(bad).catch((error: unknown) => error)),
      );
      expect(thrown).toEqual(expected);
    }
    watched.issuer.reply = OUTAGE;
    watched.clock.advance(86_400);
    await expect(watched.verifier.verify(token)).rejects.toMatchObject({
      reason: "keys_expired",
      status: 503,
    });
  });

  it.each<[string, Trace]>([
    [
      "throws",
      () => {
        throw new Error("no exporter");
      },
    ],
    ["rejects before the work", () => Promise.reject(new Error("no exporter"))],
    [
      "rejects after the work",
      async (_, __, work) => {
        await work();
        throw new Error("no exporter");
      },
    ],
    ["never begins the work", async () => undefined as never],
  ])("that %s takes nothing away, in the foreground or behind it", async (_, trace) => {
    const { verdict, verifier, clock, fetches } = scene({ trace });
    expect(await verdict()).toBe("accepted");
    expect(await verdict("bad")).toBe("token_malformed");
    clock.advance(480);
    expect(await verdict()).toBe("accepted");
    await settled();
    expect(verifier.health()).toMatchObject({ status: "ok", issuers: [{ ageSeconds: 0, failures: 0 }] });
    expect(fetches()).toBe(2);
    expect(verifier.stats()).toMatchObject({ verified: 2, refused: { token_malformed: 1 } });
  });
});

describe("onEvent", () => {
  it("that throws is harmless", async () => {
    const { verdict, verifier, issuer, clock } = scene({
      onEvent: () => {
        throw new Error("out of order");
      },
    });
    expect(await verdict()).toBe("accepted");
    issuer.reply = OUTAGE;
    clock.advance(600);
    expect(await verdict()).toBe("accepted");
    verifier.revoke("key-2");
    expect(await verdict()).toBe("accepted");
  });

  it("that rejects is harmless too", async () => {
    const { verdict } = scene({ onEvent: () => Promise.reject(new Error("out of order")) as never });
    expect(await verdict()).toBe("accepted");
    await settled();
  });

  it("hears nothing from tokens alone", async () => {
    const { verdict, told } = await warmScene();
    for (let time = 0; time < 20; time++) await verdict();
    await verdict("bad");
    await verdict(tokenOf(KEY, { aud: "other" }));
    expect(told()).toEqual([]);
  });
});

describe("stats", () => {
  it("counts what was accepted and refused, in all and by the keys that are known", async () => {
    const { verdict, verifier, issuer } = await warmScene({}, jwks([KEY, NEXT_KEY]));
    const token = tokenOf(KEY);
    for (let time = 0; time < 3; time++) await verdict(token);
    await verdict(tokenOf(NEXT_KEY));
    await verdict(`${tokenOf(NEXT_KEY).slice(0, -8)}AAAAAAAA`);
    await verdict(tokenOf(KEY, { aud: "other" }));
    await verdict(tokenOf(KEY, { exp: 1, iat: 0 }));
    issuer.reply = OUTAGE;
    await verdict(tokenOf(STRANGER));
    await verdict("malformed");
    expect(verifier.stats()).toEqual({
      verified: 4,
      cached: 2,
      refused: {
        audience_refused: 1,
        expired: 1,
        keys_expired: 1,
        signature_invalid: 1,
        token_malformed: 1,
      },
      kids: {
        "key-1": { verified: 3, refused: { audience_refused: 1, expired: 1 } },
        "key-2": { verified: 1, refused: { signature_invalid: 1 } },
      },
      fetches: { set: 1, network: 1 },
    });
  });

  it("counts what was refused for want of keys", async () => {
    const { verdict, verdictSync, verifier } = scene({}, OUTAGE);
    await verdict();
    verdictSync();
    expect(verifier.stats()).toMatchObject({ refused: { keys_not_loaded: 1, keys_not_ready: 1 }, kids: {} });
  });

  it("is a copy, and knows no kid that only a token has told", async () => {
    const { verdict, verifier } = await warmScene();
    (verifier.stats().kids as Record<string, unknown>)["mine"] = {};
    for (let time = 0; time < 1000; time++) await verdict(tokenOf({ ...STRANGER, kid: `random-${time}` }));
    expect(Object.keys(verifier.stats().kids)).toEqual(["key-1"]);
    expect(verifier.stats().refused).toEqual({ kid_unknown: 1000 });
  });

  it("forgets the oldest of a thousand kids, and no verification", async () => {
    const { verdict, verifier, issuer, clock } = await warmScene();
    await verdict();
    for (let set = 0; set < 18; set++) {
      // Sixty keys of one material under new names.
      issuer.reply = jwks(
        Array.from({ length: 60 }, (_, index) => ({ ...NEXT_KEY.jwk, kid: `${set}-${index}` })),
      );
      clock.advance(600);
      await verifier.warm();
    }
    const { kids, verified } = verifier.stats();
    expect(Object.keys(kids)).toHaveLength(1024);
    expect(kids["key-1"]).toBeUndefined();
    expect(verified).toBe(1);
  });

  it("does not stumble over a kid with the name of an object's own", async () => {
    const proto = sampleKey("EdDSA", "__proto__", "proto");
    const { verdict, verifier } = await warmScene({}, jwks([proto, KEY]));
    expect(await verdict(tokenOf(proto))).toBe("accepted");
    expect(await verdict()).toBe("accepted");
    expect(verifier.stats().verified).toBe(2);
    expect(Object.keys(verifier.stats().kids)).toEqual(["__proto__", "key-1"]);
  });
});
