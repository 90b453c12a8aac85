import { beforeAll, describe, expect, it } from "vitest";
import { createTestIssuer, FORGERIES, type TestIssuer } from "../../src/testing/index.ts";
import { admit, type Refusal } from "../../src/verifier/bearer.ts";
import { authenticate } from "../../src/verifier/fetch.ts";
import type { Verifier } from "../../src/verifier/index.ts";
import { REFUSALS, type RefusalReason, VerifyError } from "../../src/verifier/refusal.ts";
import { AUDIENCE, verifierFor } from "./protected-service.ts";

const claims = { sub: "user-1", aud: AUDIENCE };
const REASONS = Object.keys(REFUSALS) as RefusalReason[];

let issuer: TestIssuer;
let verifier: Verifier;

beforeAll(async () => {
  issuer = await createTestIssuer();
  verifier = verifierFor(issuer);
});

async function refusalOf(authorization: string | undefined, by: Verifier = verifier): Promise<Refusal> {
  const admission = await admit(by, authorization, {});
  if ("token" in admission) throw new Error("The token was let in.");
  return admission.refusal;
}

/** A verifier with one answer for everything. */
function refusing(reason: RefusalReason, retryAfterSeconds: number | null = null): Verifier {
  return { ...verifier, verify: () => Promise.reject(new VerifyError(reason, retryAfterSeconds)) };
}

describe("a bearer token", () => {
  it("is taken as it is, whatever its characters: judging them is the verifier's", async () => {
    const seen: string[] = [];
    const listening: Verifier = {
      ...verifier,
      verify(token) {
        seen.push(token);
        return Promise.reject(new VerifyError("token_malformed"));
      },
    };
    for (const token of ["a.b.c", "a.b.c==", "a+b/c~d", "\u00e9", "a\u0000b"]) {
      await refusalOf(`Bearer ${token}`, listening);
      expect(seen.at(-1)).toBe(token);
    }
  });

  it.each(["Bearer\ta.b.c", " Bearer a.b.c", "Bearer\u00a0a.b.c", "Bearer:a.b.c", "XBearer a.b.c"])(
    "is none in %j",
    async (authorization) => {
      expect((await refusalOf(authorization)).status).toBe(401);
      expect(JSON.parse((await refusalOf(authorization)).body).code).toBe("token_missing");
    },
  );

  it.each(["Bearer a.b.c\td", "Bearer a.b.c,", "Bearer a.b.c\nX: y", "Bearer \ta", "Bearer a\u00a0b"])(
    "is not one in %j",
    async (authorization) => {
      expect((await refusalOf(authorization)).status).toBe(400);
    },
  );

  it("costs time by its length and no more, however many spaces there are", async () => {
    // A pattern that tries every way to split spaces would not come to an end here.
    const spaces = " ".repeat(200_000);
    expect((await refusalOf(`Bearer${spaces}`)).status).toBe(400);
    expect((await refusalOf(`Bearer${spaces}a${spaces}b`)).status).toBe(400);
    expect((await refusalOf(`Bearer ${"a".repeat(1_000_000)}`)).status).toBe(401);
  });
});

describe("the answer to a refused token", () => {
  it.each(REASONS)(
    "for %s has a challenge that RFC 6750 allows, or says when to try again",
    async (reason) => {
      const { status, headers, body } = await refusalOf("Bearer a.b.c", refusing(reason));
      const { code, detail } = JSON.parse(body);
      expect(code).toBe(reason);
      if (reason.startsWith("keys_")) {
        expect(status).toBe(503);
        expect(headers["WWW-Authenticate"]).toBeUndefined();
        expect(headers["Retry-After"]).toMatch(/^[1-9]\d*$/);
      } else {
        expect(status).toBe(401);
        expect(headers["Retry-After"]).toBeUndefined();
        // Section 3: error_description takes neither quotes nor backslashes, and no others than ASCII.
        expect(detail).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
        expect(headers["WWW-Authenticate"]).toBe(
          `Bearer error="invalid_token", error_description="${detail}"`,
        );
      }
    },
  );

  it.each([1, 17, 300])("says after how many seconds, as the verifier does: %s", async (seconds) => {
    const { headers } = await refusalOf("Bearer a.b.c", refusing("keys_expired", seconds));
    expect(headers["Retry-After"]).toBe(String(seconds));
  });

  it("is an answer for what a token can be guilty of, and for nothing else", async () => {
    const bug = new TypeError("a bug");
    const faulty: Verifier = { ...verifier, verify: () => Promise.reject(bug) };
    await expect(admit(faulty, "Bearer a.b.c", {})).rejects.toBe(bug);
  });
});

describe("authenticate", () => {
  const request = (headers: HeadersInit) => new Request("https://orders.test/", { headers });

  it("gives the token, or the response that the request gets", async () => {
    const { token } = await issuer.sign(claims);
    const good = await authenticate(verifier, request({ authorization: `Bearer ${token}` }));
    expect(good.response).toBeNull();
    expect(good.jwt?.claims).toMatchObject(claims);
    for (const forgery of FORGERIES) {
      const forged = await issuer.forge[forgery](claims);
      const bad = await authenticate(verifier, request({ authorization: `Bearer ${forged}` }), {
        realm: "x",
      });
      expect(bad.jwt, forgery).toBeNull();
      expect(bad.response?.status, forgery).toBe(401);
      expect(bad.response?.headers.get("WWW-Authenticate")).toMatch(
        /^Bearer realm="x", error="invalid_token", /,
      );
    }
  });

  it("asks who sends nothing for a token", async () => {
    const { response } = await authenticate(verifier, request({}));
    expect(response?.status).toBe(401);
    expect(response?.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(response?.headers.get("Content-Type")).toBe("application/problem+json");
    expect(response?.headers.get("Cache-Control")).toBe("no-store");
  });

  it("does not choose between two Authorization headers", async () => {
    const { token } = await issuer.sign(claims);
    const headers = new Headers([
      ["Authorization", `Bearer ${token}`],
      ["Authorization", `Bearer ${token}`],
    ]);
    expect((await authenticate(verifier, request(headers))).response?.status).toBe(400);
  });

  it("hands on what outlives the request, and works where nothing can", async () => {
    const own = verifierFor(issuer);
    const { token } = await issuer.sign(claims);
    const works: Promise<unknown>[] = [];
    const context = { waitUntil: (work: Promise<unknown>) => void works.push(work) };
    const sent = request({ authorization: `Bearer ${token}` });
    expect((await authenticate(own, sent, { context })).jwt).not.toBeNull();
    expect(works.length).toBeGreaterThan(0);
    expect((await authenticate(own, sent, { context: undefined })).jwt).not.toBeNull();
  });
});
