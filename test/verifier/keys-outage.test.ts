/** While the endpoint is down, or answers with what is no JWKS. */
import { describe, expect, it } from "vitest";
import { CHECKS_AT_ONCE } from "./sample-issuer.ts";
import {
  answers,
  CUT_OFF,
  ENDLESS,
  HTML,
  jwks,
  KEY,
  live,
  NEXT_KEY,
  OUTAGE,
  type Reply,
  type Scene,
  STALL,
  settled,
  text,
  tokenOf,
  warmScene,
} from "./scripted-issuer.ts";

const FRESH = 600;
const DUE = 480;
const STALE = 3600;

/** At 480 seconds, in the background, the first failed attempt. */
async function failing(reply: Reply = OUTAGE): Promise<Scene> {
  const scene = await warmScene();
  scene.issuer.reply = reply;
  scene.clock.advance(DUE);
  expect(await scene.verdict()).toBe("accepted");
  await settled();
  expect(scene.fetches()).toBe(1);
  scene.told();
  return scene;
}

describe("an outage", () => {
  it("goes unnoticed by tokens for the freshness and maxStaleSeconds after it, to the second", async () => {
    const scene = await failing();
    // 3,705 seconds with a token every 13, then the rest.
    await live(scene, 3700, 13);
    scene.clock.advance(FRESH + STALE - DUE - 3705 - 1);
    expect(await scene.verdict()).toBe("accepted");
    if (CHECKS_AT_ONCE) expect(scene.verdictSync()).toBe("accepted");
    scene.clock.advance(1);
    expect(await scene.verdict()).toBe("keys_expired");
    expect(scene.verdictSync()).toBe("keys_not_ready");
  });

  it("ends in 503, never in 401, with the time to come again", async () => {
    const { verifier, clock } = await failing();
    clock.advance(86_400);
    await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject({
      code: "jwks_unavailable",
      reason: "keys_expired",
      status: 503,
      retryAfterSeconds: 2,
    });
    // Also for tokens that it cannot know.
    await expect(verifier.verify(tokenOf(NEXT_KEY))).rejects.toMatchObject({ status: 503 });
  });

  it("lets the first token past the freshness wait for one attempt, and no later one", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    issuer.held = [];
    clock.advance(FRESH);
    let first = "waiting";
    const waiting = verdict().then((reached) => {
      first = reached;
    });
    await settled();
    expect(first).toBe("waiting");
    issuer.held[0]?.answer(OUTAGE);
    await waiting;
    expect(first).toBe("accepted");
    clock.advance(1);
    // A second attempt is held, and nobody waits for it.
    for (let time = 0; time < 5; time++) expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(2);
    expect(issuer.held).toHaveLength(2);
  });

  it("that was one failed request long ago spares no token the attempt: a revoked key ends with the freshness", async () => {
    const { verdict, issuer, clock } = await failing();
    issuer.reply = jwks([NEXT_KEY]);
    clock.advance(FRESH + STALE - DUE - 1);
    const held: NonNullable<typeof issuer.held> = [];
    issuer.held = held;
    let reached = "waiting";
    const waiting = verdict().then((verdict) => {
      reached = verdict;
    });
    await settled();
    expect(reached).toBe("waiting");
    issuer.held = null;
    held[0]?.answer(issuer.reply);
    await waiting;
    expect(reached).toBe("kid_unknown");
  });

  it("gives the first token past the freshness new keys where the attempt succeeds", async () => {
    const { verdict, issuer, clock } = await warmScene();
    issuer.reply = jwks([NEXT_KEY]);
    clock.advance(FRESH);
    expect(await verdict()).toBe("kid_unknown");
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
  });

  it("is told once at each stage", async () => {
    const scene = await failing();
    await live(scene, FRESH - DUE, 10);
    expect(scene.told().filter((type) => type !== "jwks_failed")).toEqual(["stale_keys_used"]);
    await live(scene, STALE, 60);
    expect(scene.told().filter((type) => type !== "jwks_failed")).toEqual(["keys_expired"]);
    await live(scene, 600, 60);
    expect(new Set(scene.told())).toEqual(new Set(["jwks_failed"]));
  });

  it("is over with the first answer, and the next one is told anew", async () => {
    const scene = await failing();
    await live(scene, STALE + FRESH, 60);
    scene.issuer.reply = jwks([KEY]);
    scene.clock.advance(30);
    expect(await scene.verdict()).toBe("accepted");
    expect(scene.verifier.health()).toMatchObject({
      status: "ok",
      issuers: [{ failures: 0, lastFailure: null }],
    });
    scene.told();
    scene.issuer.reply = OUTAGE;
    scene.clock.advance(FRESH);
    expect(await scene.verdict()).toBe("accepted");
    expect(scene.told()).toEqual(["jwks_failed", "stale_keys_used"]);
  });

  it("does not let a new kid be called unknown by old keys", async () => {
    const { verdict, clock } = await failing();
    clock.advance(FRESH);
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("keys_expired");
    expect(await verdict()).toBe("accepted");
  });

  it("is not borne at all with maxStaleSeconds 0", async () => {
    const { verdict, issuer, clock } = await warmScene({ maxStaleSeconds: 0 });
    issuer.reply = OUTAGE;
    clock.advance(FRESH - 1);
    expect(await verdict()).toBe("accepted");
    await settled();
    clock.advance(1);
    expect(await verdict()).toBe("keys_expired");
    issuer.reply = jwks([KEY]);
    clock.advance(2);
    expect(await verdict()).toBe("accepted");
  });
});

describe("back-off", () => {
  /** After each failure, for how many quarters of a second nothing is asked. */
  async function pauses({ clock, verdict, fetches }: Scene, count: number): Promise<number[]> {
    const found: number[] = [];
    for (let seconds = 0; found.length < count; seconds += 0.25) {
      if (seconds > 400) throw new Error("no further attempt in 400 seconds");
      await verdict();
      await settled();
      if (fetches() > 0) {
        found.push(seconds);
        seconds = 0;
      }
      clock.advance(0.25);
    }
    return found;
  }

  it.each([
    ["in the middle", 0.5, [0.75, 1.5, 3, 6, 12, 22.5, 22.5, 22.5]],
    ["at its least", 0, [0.5, 1, 2, 4, 8, 15, 15, 15]],
    ["at its most", 0.999_999, [1, 2, 4, 8, 16, 30, 30, 30]],
  ])("doubles from one second to thirty, with chance %s", async (_, chance, expected) => {
    const scene = await warmScene({ random: () => chance });
    scene.issuer.reply = OUTAGE;
    scene.clock.advance(540);
    await scene.verdict();
    await settled();
    scene.fetches();
    expect(await pauses(scene, expected.length)).toEqual(expected);
  });

  it("begins anew after a success", async () => {
    const scene = await failing();
    await pauses(scene, 4);
    scene.issuer.reply = jwks([KEY]);
    await pauses(scene, 1);
    scene.issuer.reply = OUTAGE;
    scene.clock.advance(DUE);
    await scene.verdict();
    await settled();
    scene.fetches();
    expect(await pauses(scene, 2)).toEqual([0.75, 1.5]);
  });

  it.each([
    ["seconds", { "Retry-After": "20" }, 20],
    ["a date", { "Retry-After": "Fri, 15 Jan 2027 08:08:50 GMT" }, 50],
    ["a date that has passed", { "Retry-After": "Fri, 15 Jan 2027 07:00:00 GMT" }, 0.75],
    ["more than 300 seconds", { "Retry-After": "86400" }, 300],
    ["less than the back-off", { "Retry-After": "0" }, 0.75],
    ["what is neither", { "Retry-After": "soon" }, 0.75],
  ])("heeds Retry-After: %s", async (_, headers, seconds) => {
    const scene = await warmScene();
    scene.issuer.reply = answers(503, headers);
    scene.clock.advance(DUE);
    await scene.verdict();
    await settled();
    scene.fetches();
    expect(scene.events.at(-1)).toMatchObject({
      type: "jwks_failed",
      because: "status",
      retrySeconds: seconds,
    });
    expect(await pauses(scene, 1)).toEqual([seconds]);
  });

  it("tells the caller of the server's own wish, where there are no keys", async () => {
    const { verifier, issuer, clock } = await warmScene();
    issuer.reply = answers(429, { "Retry-After": "120" });
    clock.advance(86_400);
    await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject({ retryAfterSeconds: 120 });
    clock.advance(100);
    await expect(verifier.verify(tokenOf(KEY))).rejects.toMatchObject({ retryAfterSeconds: 20 });
  });
});

const tooMany = Array.from({ length: 65 }, () => KEY);

describe.each<[string, Reply, string, number | null]>([
  ["no connection", OUTAGE, "network", null],
  ["no answer", STALL, "timeout", null],
  ["a connection that breaks in the body", CUT_OFF, "network", null],
  ["500", answers(500), "status", 500],
  ["204", answers(204), "status", 204],
  ["404", answers(404), "status", 404],
  ["a redirect", answers(302, { Location: "https://elsewhere.example/" }), "redirect", 302],
  ["a permanent redirect", answers(308, { Location: "https://elsewhere.example/" }), "redirect", 308],
  ["HTML", HTML, "not_a_jwks", 200],
  ["half a JWKS", text('{"keys":[{"kty":"OKP"'), "not_a_jwks", 200],
  ["an empty body", text(""), "not_a_jwks", 200],
  ["no object", text("[]"), "not_a_jwks", 200],
  ["no list of keys", text('{"keys":{}}'), "not_a_jwks", 200],
  ["the same member twice", text('{"keys":[],"keys":[]}'), "not_a_jwks", 200],
  ["bytes that are no UTF-8", () => new Response(new Uint8Array([0x7b, 0xff])), "not_a_jwks", 200],
  ["more keys than are taken", jwks(tooMany), "not_a_jwks", 200],
  ["a body without end", ENDLESS, "too_large", 200],
  ["a byte too many", text(`{"keys":[]}${" ".repeat(65_536 - 10)}`), "too_large", 200],
])("%s", (_, reply, because, status) => {
  it("leaves the old keys as they are, says why, and is over with a good answer", async () => {
    const { verdict, issuer, clock, events, verifier } = await warmScene();
    issuer.reply = reply;
    clock.advance(FRESH);
    expect(await verdict()).toBe("accepted");
    expect(events.at(-2)).toMatchObject({
      type: "jwks_failed",
      because,
      status,
      issuer: "https://issuer.example",
    });
    expect(verifier.health().issuers[0]).toMatchObject({
      kids: ["key-1"],
      failures: 1,
      lastFailure: because,
    });
    expect(verifier.stats().fetches).toEqual({ set: 1, [because]: 1 });
    issuer.reply = jwks([KEY, NEXT_KEY]);
    clock.advance(1);
    expect(await verdict()).toBe("accepted");
    await settled();
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
  });
});

it("takes the largest JWKS that is allowed, to the byte and the key", async () => {
  const full = jwks(tooMany.slice(1));
  const { verdict } = await warmScene({}, full);
  expect(await verdict()).toBe("accepted");
  const padded = await warmScene({}, text(JSON.stringify({ keys: [KEY.jwk] }).padEnd(65_536)));
  expect(await padded.verdict()).toBe("accepted");
});
