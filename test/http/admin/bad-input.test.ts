/** What an admin request must not be, row by row, against the real server at a socket. */
import { connect } from "node:net";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ask, expectProblem } from "../served.ts";
import { type ControlPlane, type Given, openControlPlane } from "./served.ts";

let plane: ControlPlane;
let operator: Given;
let security: Given;
beforeAll(async () => {
  plane = await openControlPlane({}, { limits: { denials: { perSecond: 1, burst: 10_000 } } });
  operator = await plane.issue("operator");
  security = await plane.issue("security");
});

let generation: number;
beforeEach(() => {
  plane.told.length = 0;
  generation = plane.keys.ring().generation;
});

const WRONG = "keyturn_Wr0ngT0kenThatMustNotBeRepeatedAnywhere-9876543210";

/** Nothing was done, and nothing of the request is in what was told. */
function expectNothingDone(...secrets: string[]): void {
  expect(plane.keys.ring().generation).toBe(generation);
  for (const secret of secrets) expect(JSON.stringify([plane.told, plane.events])).not.toContain(secret);
}

const pause = (headers: Record<string, string | string[]>, path = "/v1/ring/pause") =>
  ask(plane.url, { method: "POST", path, headers: { "If-Match": "*", ...headers } });

describe("authorization", () => {
  const good = () => `Bearer ${operator.token}`;
  const garbled: readonly [string, () => Record<string, string | string[]>][] = [
    ["is missing", () => ({})],
    ["is empty", () => ({ Authorization: "" })],
    ["is the scheme alone", () => ({ Authorization: "Bearer" })],
    ["is the token alone", () => ({ Authorization: operator.token })],
    ["is of another scheme", () => ({ Authorization: `Basic ${operator.token}` })],
    ["is there twice, the first right", () => ({ Authorization: [good(), `Bearer ${WRONG}`] })],
    ["is there twice, the last right", () => ({ Authorization: [`Bearer ${WRONG}`, good()] })],
    ["is there twice, both right", () => ({ Authorization: [good(), good()] })],
    ["has a list of tokens", () => ({ Authorization: `${good()}, ${good()}` })],
    ["has a parameter", () => ({ Authorization: `${good()} x=y` })],
    ["has a mistyped token", () => ({ Authorization: `Bearer ${operator.token.slice(0, -1)}_` })],
    ["has a token that nobody issued", () => ({ Authorization: `Bearer ${WRONG}` })],
    ["stands in other headers", () => ({ "X-Api-Key": operator.token, Cookie: `token=${operator.token}` })],
  ];
  for (const [what, headers] of garbled) {
    it(`is refused when it ${what}`, async () => {
      const answer = await pause(headers());
      expectProblem(answer, 401, "unauthenticated");
      expect(answer.headers["www-authenticate"]).toBe('Bearer realm="keyturn"');
      expect(answer.body).not.toContain(WRONG);
      expectNothingDone(WRONG, operator.token);
      expect(plane.told).toEqual([
        {
          type: "request_denied",
          action: "rotate",
          caller: null,
          code: "unauthenticated",
          path: "/v1/ring/pause",
        },
      ]);
    });
  }

  for (const scheme of ["bearer", "BEARER", "bEaReR"]) {
    it(`may be spelled ${scheme}`, async () => {
      expect(
        (await plane.ask({ path: "/v1/ring", headers: { Authorization: `${scheme} ${operator.token}` } }))
          .status,
      ).toBe(200);
    });
  }

  for (const name of ["access_token", "token", "api_token", "apiKey", "x"]) {
    it(`is refused in the URL, as ${name}, even beside a good header`, async () => {
      const answer = await pause({ Authorization: good() }, `/v1/ring/pause?${name}=${operator.token}`);
      expectProblem(answer, 400, "token_in_query");
      expect(answer.body).not.toContain(operator.token);
      expectNothingDone(operator.token);
    });
  }

  it("of another role is refused and told, by id", async () => {
    const signer = await plane.issue("signer");
    expectProblem(await pause({ Authorization: `Bearer ${signer.token}` }), 403, "forbidden");
    expect(plane.told).toEqual([
      {
        type: "request_denied",
        action: "rotate",
        caller: signer.id,
        code: "forbidden",
        path: "/v1/ring/pause",
      },
    ]);
    expectNothingDone();
  });
});

describe("a kid", () => {
  const revoke = (kid: string) =>
    plane.command(`/v1/keys/${kid}/revoke`, operator.token, { reason: "stolen" });
  const refused: readonly [string, string, number, string][] = [
    ["that nobody has", "x".repeat(43), 404, "kid_unknown"],
    ["that climbs up", "..%2F..%2Fetc%2Fpasswd", 404, "kid_unknown"],
    ["of 10 KB", "x".repeat(10_000), 400, "request_invalid"],
    ["with characters beyond ASCII", "%C3%A9", 400, "request_invalid"],
    ["with a space", "a%20b", 400, "request_invalid"],
    ["with a NUL", "a%00b", 400, "request_invalid"],
    ["with a line feed", "a%0Ab", 400, "request_invalid"],
  ];
  for (const [what, kid, status, code] of refused) {
    it(`${what} is answered ${status} ${code}`, async () => {
      const answer = await revoke(kid);
      expectProblem(answer, status, code);
      expect(answer.body).not.toMatch(/passwd|x{43}|é/);
      expectNothingDone();
    });
  }

  it("with dots is a step in the path, and leads nowhere", async () => {
    const answer = await plane.command("/v1/keys/../../v1/keys/%2e%2e/revoke", operator.token, {
      reason: "stolen",
    });
    expect(answer.status).toBe(404);
    expectNothingDone();
  });
});

describe("a request from a web page", () => {
  for (const origin of ["https://evil.example.com", "http://127.0.0.1:1", "null", "not a URL", ""]) {
    it(`of ${origin || "nowhere"} is refused, with a good token and on every route`, async () => {
      const headers = { Origin: origin, Authorization: `Bearer ${security.token}` };
      const reading = ["/v1/ring", "/v1/audit", "/v1/api-tokens", "/v1/api-tokens/self"];
      for (const path of [...reading, "/openapi.json", "/metrics"]) {
        const answer = await plane.ask({ path, headers });
        expectProblem(answer, 403, "cross_origin");
        expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
      }
      expectProblem(await pause(headers), 403, "cross_origin");
      expect(plane.told).toContainEqual(expect.objectContaining({ code: "cross_origin", caller: null }));
      expectNothingDone("evil");
    });
  }

  it("of this very server is let in", async () => {
    const headers = { Origin: plane.url, Authorization: `Bearer ${operator.token}` };
    expect((await plane.ask({ path: "/v1/ring", headers })).status).toBe(200);
  });

  it("finds no preflight to pass", async () => {
    const headers = { Origin: "https://evil.example.com", "Access-Control-Request-Method": "POST" };
    const answer = await plane.ask({ method: "OPTIONS", path: "/v1/ring/pause", headers });
    expectProblem(answer, 405, "method_not_allowed");
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
  });
});

describe("a method that a path does not take", () => {
  const allowed: readonly [string, string][] = [
    ["/v1/ring", "GET, HEAD"],
    ["/v1/ring/rotate", "POST"],
    ["/v1/keys/x/revoke", "POST"],
    ["/v1/audit", "GET, HEAD"],
    ["/v1/api-tokens", "GET, HEAD, POST"],
    ["/v1/api-tokens/self", "GET, HEAD"],
    ["/v1/api-tokens/x/rotate", "POST"],
    ["/openapi.json", "GET, HEAD"],
    ["/metrics", "GET, HEAD"],
  ];
  for (const [path, allow] of allowed) {
    it(`is answered on ${path} with ${allow}`, async () => {
      const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"];
      for (const method of methods.filter((one) => !allow.split(", ").includes(one))) {
        const answer = await plane.ask({ method, path, token: security.token });
        expect(answer.status, method).toBe(405);
        expect(answer.headers.allow).toBe(allow);
        expect(answer.headers["cache-control"]).toBe("no-store");
      }
      expectNothingDone();
    });
  }
});

describe("a path that is almost right", () => {
  for (const path of [
    "/v1/ring/",
    "//v1/ring",
    "/v1//ring",
    "/v1%2Fring",
    "/V1/ring",
    "/v1/ring/rotate/",
    "/v1/ring/rotate%00",
    "/v1/ring/rotate/x",
    "/v1/keys//revoke",
    "/v1/keys/a/b/revoke",
    "/v1/keys",
    "/v1/api-tokens/",
    "/v1/api-tokens//rotate",
    "/v1/audit/1",
    "/v1/../v1/nothing",
    "/openapi.json/",
  ]) {
    it(`leads nowhere: ${path}`, async () => {
      for (const method of ["GET", "POST"]) {
        const answer = await plane.ask({ method, path, token: security.token, headers: { "If-Match": "*" } });
        expectProblem(answer, 404, "not_found");
      }
      expectNothingDone();
    });
  }
});

describe("a query", () => {
  for (const [path, at] of [
    ["/v1/audit?after=-1", "query/after"],
    ["/v1/audit?after=x", "query/after"],
    ["/v1/audit?after=1e3", "query/after"],
    ["/v1/audit?limit=0", "query/limit"],
    ["/v1/audit?limit=1001", "query/limit"],
    ["/v1/audit?limit=5&limit=6", "query/limit"],
    ["/v1/audit?limit=", "query/limit"],
    ["/v1/audit?offset=1", "query/offset"],
    ["/v1/ring?force=true", "query/force"],
  ] as const) {
    it(`is refused: ${path}`, async () => {
      const { problems } = expectProblem(
        await plane.ask({ path, token: operator.token }),
        400,
        "request_invalid",
      );
      expect(problems).toMatchObject([{ at }]);
    });
  }
});

describe("bytes that are hardly HTTP", () => {
  /** What the server answers to raw bytes before it hangs up. */
  const raw = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(plane.url);
      let said = "";
      const socket = connect(Number(port), hostname, () => socket.end(bytes));
      socket.on("data", (chunk) => {
        said += chunk;
      });
      socket.on("close", () => resolve(said));
      socket.on("error", reject);
    });

  for (const [what, bytes, status] of [
    [
      "two lengths",
      "POST /v1/ring/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      400,
    ],
    [
      "a length and chunks",
      "POST /v1/ring/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    [
      "a line feed in a header",
      "GET /v1/ring HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\nX: y\r\n\r\n",
      400,
    ],
    ["headers without end", `GET /v1/ring HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(40_000)}\r\n\r\n`, 431],
  ] as const) {
    it(`are refused: ${what}`, async () => {
      expect(await raw(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expectNothingDone();
    });
  }
});
