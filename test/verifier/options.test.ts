import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { createVerifier, type VerifierOptions } from "../../src/verifier/index.ts";
import { countingFetch, JWKS_URL, sampleKey, sign, verdictOf, warmVerifier } from "./sample-issuer.ts";

const KEY = sampleKey("ES256");
const SOUND = { issuer: "https://issuer.example", audience: "orders", jwksUrl: JWKS_URL };

/** Where problems were found. */
function problemsOf(options: unknown): string[] {
  try {
    createVerifier(options as VerifierOptions);
    return [];
  } catch (error) {
    if (!(error instanceof KeyturnError)) throw error;
    expect(error.code).toBe("config_invalid");
    for (const { at, message } of error.problems) expect(error.message).toContain(`${at}: ${message}`);
    return error.problems.map(({ at }) => at);
  }
}

describe("options", () => {
  it("are sound with an issuer, an audience and a JWKS, and need all three", () => {
    expect(problemsOf(SOUND)).toEqual([]);
    expect(problemsOf({ ...SOUND, issuer: null, audience: null })).toEqual([]);
    expect(problemsOf({})).toEqual(["issuer", "audience", "jwksUrl"]);
    expect(problemsOf({ ...SOUND, jwks: { keys: [] } })).toEqual(["jwksUrl"]);
  });

  it.each([
    ["issuer", [undefined, "", 1, ["https://issuer.example"], /issuer/]],
    ["audience", [undefined, "", [], [""], [1], {}]],
    ["algorithms", [[], ["HS256"], ["none"], ["es256"], "ES256", null]],
    ["typ", [[], "JWT", [1], null]],
    ["leewaySeconds", [-1, Number.NaN, Number.POSITIVE_INFINITY, "30"]],
    ["maxLifetimeSeconds", [0, -1, "1h"]],
    ["fetchSeconds", [0, Number.NaN]],
    ["maxKeys", [0]],
    ["tokenCache", [true, null, 5, { maxEntries: Number.NaN }, { max: 5 }]],
    ["snapshots", [{}, new Map(), { load: () => null }, null]],
    ["clock", [{}, 5, { now: () => 1 }]],
    ["fetch", [5, {}]],
    ["random", [5]],
    ["onEvent", [{}]],
    ["trace", ["verify"]],
  ] as const)("name %s when it cannot be used", (name, values) => {
    for (const value of values)
      expect(problemsOf({ ...SOUND, [name]: value }), String(value)).toContain(name);
  });

  it.each([
    "http://issuer.example/jwks.json",
    "ftp://issuer.example/jwks.json",
    "file:///etc/jwks.json",
    "data:application/json,{}",
    "https://user:hunter2@issuer.example/jwks.json",
    "http://127.0.0.1.example/jwks.json",
    "http://localhost.example/jwks.json",
    "jwks.json",
    "",
  ])("refuse the URL %s, and repeat no password", (jwksUrl) => {
    expect(problemsOf({ ...SOUND, jwksUrl })).toEqual(["jwksUrl"]);
    const refusal = () => createVerifier({ ...SOUND, jwksUrl });
    expect(refusal).toThrow(/https URL/);
    if (jwksUrl.includes("hunter2")) expect(refusal).not.toThrow(/hunter2/);
  });

  it.each([
    "https://issuer.example/jwks.json",
    "http://localhost:3000/jwks.json",
    "http://127.0.0.1:3000/jwks.json",
    "http://127.8.9.1/jwks.json",
    "http://[::1]:3000/jwks.json",
    new URL("https://issuer.example/jwks.json"),
  ])("take the URL %s", (jwksUrl) => {
    expect(problemsOf({ ...SOUND, jwksUrl })).toEqual([]);
  });

  it("of a name that is not known are refused, because a check would be missing unseen", () => {
    expect(problemsOf({ ...SOUND, algorithm: ["ES256"] })).toEqual(["algorithm"]);
    expect(problemsOf({ issuers: [{ ...SOUND, algorithm: ["ES256"] }] })).toEqual(["issuers/0/algorithm"]);
    expect(problemsOf({ issuers: [{ ...SOUND, leewaySeconds: 0 }] })).toEqual(["issuers/0/leewaySeconds"]);
    expect(problemsOf({ issuers: [SOUND], audience: "orders" })).toEqual(["audience"]);
  });

  it("of several issuers tell them apart by name", () => {
    const other = { ...SOUND, issuer: "https://other.example" };
    expect(problemsOf({ issuers: [SOUND, other] })).toEqual([]);
    expect(problemsOf({ issuers: [SOUND, SOUND] })).toEqual(["issuers"]);
    expect(problemsOf({ issuers: [SOUND, { ...other, issuer: null }] })).toEqual(["issuers"]);
    for (const issuers of [[], undefined, null, {}]) expect(problemsOf({ issuers })).toEqual(["issuers"]);
  });

  it("are all judged at once", () => {
    expect(problemsOf({ ...SOUND, issuer: "", maxKeys: 0, typ: [] })).toEqual(["maxKeys", "issuer", "typ"]);
  });
});

describe("a deadline that is no whole number of milliseconds", () => {
  it.each([2.01, 4.02, 8.03, 1.001, 0.0005, 1e7])("of %s s is one", async (fetchSeconds) => {
    const { verifier } = await warmVerifier([KEY.jwk], { fetchSeconds });
    expect(await verdictOf(verifier, sign(KEY))).toBe("accepted");
  });
});

describe("a hook", () => {
  it.each([
    ["swallows what goes wrong", async (work: () => Promise<unknown>) => work().catch(() => undefined)],
    ["never begins", async () => undefined],
    ["throws", () => Promise.reject(new Error("tracer"))],
    ["begins twice", (work: () => Promise<unknown>) => Promise.all([work(), work()])],
  ])("for traces that %s changes no verdict", async (_, hook) => {
    const { verifier, endpoint } = await warmVerifier([KEY.jwk], {
      trace: (_name, _attributes, work) => hook(work) as never,
    });
    expect(await verdictOf(verifier, sign(KEY))).toBe("accepted");
    expect(await verdictOf(verifier, "garbage")).toBe("token_malformed");
    expect(endpoint.count).toBe(0);
  });

  it("for events may be asynchronous and fail, and nobody else hears of it", async () => {
    const onEvent = () => Promise.reject(new Error("sink"));
    const { verifier } = await warmVerifier([KEY.jwk], { onEvent: onEvent as () => void });
    expect(await verdictOf(verifier, sign(KEY))).toBe("accepted");
  });
});

it("revokes nothing in silence when it has no such issuer", async () => {
  const { verifier } = await warmVerifier([KEY.jwk]);
  expect(() => verifier.revoke(KEY.kid, { issuer: "https://issuer.example/" })).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
  expect(await verdictOf(verifier, sign(KEY))).toBe("accepted");
});

describe("a burst of tokens with a new kid", () => {
  it("during a request that began before its key was published is accepted to the last one", async () => {
    const next = sampleKey("ES256", "next");
    const endpoint = countingFetch([KEY.jwk]);
    let release = () => {};
    const { verifier } = await warmVerifier([], {
      fetch: async (url, init) => {
        const answer = endpoint.fetch(url, init);
        if (endpoint.count === 2) await new Promise<void>((answered) => (release = answered));
        return answer;
      },
    });
    const early = verdictOf(verifier, sign(KEY, { kid: "nobody" }));
    const tokens = Array.from({ length: 8 }, () => verdictOf(verifier, sign(next)));
    await new Promise((resolve) => setImmediate(resolve));
    endpoint.keys = [KEY.jwk, next.jwk];
    release();
    expect(new Set(await Promise.all(tokens))).toEqual(new Set(["accepted"]));
    expect(await early).toBe("kid_unknown");
  });
});
