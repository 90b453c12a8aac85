import type { OutgoingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { START } from "../manager/manual-clock.ts";
import { API_TOKEN, ask, expectProblem, type Issuer, openIssuer } from "./served.ts";

let issuer: Issuer;
let url: string;
beforeEach(async () => {
  issuer = await openIssuer();
  url = await issuer.listen();
});

const BODY = '{"claims":{"sub":"user-1","aud":"orders"},"expiresInSeconds":300}';
const AUTHORIZED = { "Content-Type": "application/json", Authorization: `Bearer ${API_TOKEN}` };

const post = (headers: OutgoingHttpHeaders, body: string | string[] | Buffer = BODY) =>
  ask(url, { method: "POST", path: "/v1/tokens", headers, body });

describe("a body that cannot be used", () => {
  const LIMIT = 16_384;
  const padded = (bytes: number) => `{"claims":{}}${" ".repeat(bytes - '{"claims":{}}'.length)}`;

  it("is one over 16 KiB, by its declared length", async () => {
    expectProblem(
      await post({ ...AUTHORIZED, "Content-Length": LIMIT + 1 }, padded(LIMIT + 1)),
      413,
      "body_too_large",
    );
    expect((await post({ ...AUTHORIZED, "Content-Length": LIMIT }, padded(LIMIT))).status).toBe(200);
  });

  it("is one over 16 KiB, counted in its chunks", async () => {
    const chunks = (bytes: number) => padded(bytes).match(/.{1,1000}/gs) as string[];
    expectProblem(await post(AUTHORIZED, chunks(LIMIT + 1)), 413, "body_too_large");
    expect((await post(AUTHORIZED, chunks(LIMIT))).status).toBe(200);
  });

  for (const type of [
    undefined,
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonx",
    "application/jwt",
    "text/plain, application/json",
  ]) {
    it(`is one of type ${JSON.stringify(type) ?? "unknown"}`, async () => {
      const headers = {
        Authorization: `Bearer ${API_TOKEN}`,
        ...(type === undefined ? {} : { "Content-Type": type }),
      };
      expectProblem(await post(headers), 415, "media_type_unsupported");
    });
  }

  const unusable: readonly [string, string, RegExp][] = [
    ["nothing", "", /not JSON/],
    ["half a document", BODY.slice(0, -2), /not JSON/],
    ["YAML", "claims: {}", /not JSON/],
    ["JSON with a comment", `{"claims":{}} // all`, /not JSON/],
    ["a list", `[${BODY}]`, /\/: Expected a JSON object\.$/],
    ["null", "null", /\/: Expected a JSON object\.$/],
    ["a number", "300", /\/: Expected a JSON object\.$/],
    ["a string", '"claims"', /\/: Expected a JSON object\.$/],
    ["a byte order mark before it", `\ufeff${BODY}`, /not JSON/],
    ["a member twice", '{"claims":{"sub":"a","sub":"b"}}', /\/claims\/sub: .*twice/],
    ["a member twice, once in escapes", '{"claims":{},"cl\\u0061ims":{}}', /\/claims: .*twice/],
    ["a member called __proto__", '{"claims":{"__proto__":{"admin":true}}}', /\/claims\/__proto__: /],
    ["half a surrogate pair", '{"claims":{"sub":"\\ud800"}}', /\/claims\/sub: .*surrogate/],
    [
      "nested more than 8 levels deep",
      `{"claims":{"a":${"[".repeat(7)}${"]".repeat(7)}}}`,
      /\/claims\/a\/0\/0\/0\/0\/0\/0: .*8 levels/,
    ],
  ];
  for (const [what, body, why] of unusable) {
    it(`is ${what}`, async () => {
      expect(expectProblem(await post(AUTHORIZED, body), 400, "body_invalid").detail).toMatch(why);
    });
  }

  it("is one that is not UTF-8", async () => {
    const body = Buffer.concat([Buffer.from('{"claims":{"sub":"'), Buffer.from([0xff]), Buffer.from('"}}')]);
    expect(expectProblem(await post(AUTHORIZED, body), 400, "body_invalid").detail).toMatch(/not UTF-8/);
  });

  it("may nest 8 levels deep", async () => {
    const body = `{"claims":{"a":${"[".repeat(6)}${"]".repeat(6)}}}`;
    expect((await post(AUTHORIZED, body)).status).toBe(200);
  });

  const wrong: readonly [string, string, RegExp][] = [
    ["an empty object", "{}", /claims: Expected a JSON object of claims/],
    ["claims that are null", '{"claims":null}', /claims: Expected a JSON object of claims/],
    ["claims that are a list", '{"claims":[{"sub":"user-1"}]}', /claims: Expected a JSON object of claims/],
    ["claims that are a string", '{"claims":"sub"}', /claims: Expected a JSON object of claims/],
    [
      "a lifetime that is a text",
      '{"claims":{},"expiresInSeconds":"300"}',
      /expiresInSeconds: Expected a whole number/,
    ],
    [
      "a lifetime with a fraction",
      '{"claims":{},"expiresInSeconds":1.5}',
      /expiresInSeconds: Expected a whole number/,
    ],
    [
      "a lifetime that is null",
      '{"claims":{},"expiresInSeconds":null}',
      /expiresInSeconds: Expected a whole number/,
    ],
    [
      "a mistyped name",
      '{"claims":{},"expiresInSecond":300}',
      /expiresInSecond: .* Did you mean "expiresInSeconds"\?/,
    ],
    [
      "a name that is nowhere near",
      '{"claims":{},"force":true}',
      /force: There is no "force" here\.(?! Did)/,
    ],
  ];
  for (const [what, body, why] of wrong) {
    it(`is one with wrong members: ${what}`, async () => {
      expect(expectProblem(await post(AUTHORIZED, body), 422, "fields_invalid").detail).toMatch(why);
    });
  }

  it("gets no name back that might be a secret", async () => {
    const body = JSON.stringify({ claims: {}, [API_TOKEN]: 1, "\u001b[31m": 2 });
    const answer = await post(AUTHORIZED, body);
    expectProblem(answer, 422, "fields_invalid");
    expect(answer.body).not.toContain(API_TOKEN);
    expect(answer.body).not.toContain("[31m");
    const twice = await post(AUTHORIZED, `{"claims":{"${API_TOKEN}":1,"${API_TOKEN}":2}}`);
    expectProblem(twice, 400, "body_invalid");
    expect(twice.body).not.toContain(API_TOKEN);
  });

  it("is one that is compressed: nothing is unpacked, so nothing can blow up", async () => {
    const bomb = gzipSync(JSON.stringify({ claims: { x: "x".repeat(10_000_000) } }));
    expect(bomb.length).toBeLessThan(LIMIT);
    expectProblem(
      await post({ ...AUTHORIZED, "Content-Encoding": "gzip" }, bomb),
      415,
      "media_type_unsupported",
    );
  });

  for (const [what, framing] of [
    ["declared", "Content-Length: 100"],
    ["in chunks", "Transfer-Encoding: chunked"],
  ] as const) {
    it(`is one that breaks off, ${what}, which is no failure of ours`, async () => {
      const { hostname, port } = new URL(url);
      const head = `POST /v1/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_TOKEN}\r\n`;
      const socket = connect(Number(port), hostname);
      socket.write(`${head}Content-Type: application/json\r\n${framing}\r\n\r\n2\r\n{}`);
      await new Promise((sent) => socket.write("\r\n", sent));
      // A round trip later the server has read it.
      await ask(url, { path: "/livez" });
      socket.destroy();
      const kid = issuer.keys.status().emitter;
      await vi.waitFor(() =>
        expect(issuer.told).toEqual([{ type: "token_refused", kid, code: "body_invalid" }]),
      );
    });
  }

  it("is told all that is wrong with it at once", async () => {
    const answer = await post(AUTHORIZED, '{"claim":{},"expiresInSeconds":"1"}');
    const { problems } = expectProblem(answer, 422, "fields_invalid");
    expect(problems.map(({ at }: { at: string }) => at).sort()).toEqual([
      "/claim",
      "/claims",
      "/expiresInSeconds",
    ]);
  });
});

describe("claims that cannot be signed", () => {
  const refused: readonly (readonly [string, string, string, RegExp])[] = [
    ...["iss", "iat", "exp", "jti"].map(
      (name) =>
        [
          name,
          `{"claims":{"${name}":"x"}}`,
          "claims_invalid",
          RegExp(`"${name}" is set by the signer`),
        ] as const,
    ),
    ["a sub that is a number", '{"claims":{"sub":7}}', "claims_invalid", /"sub" is not a string/],
    ["an aud of nobody", '{"claims":{"aud":[]}}', "claims_invalid", /"aud"/],
    ["an nbf after the expiry", `{"claims":{"nbf":${START + 900}}}`, "claims_invalid", /"nbf"/],
    ["a lifetime of 0", '{"claims":{},"expiresInSeconds":0}', "claims_invalid", /expiresInSeconds/],
    ["a negative lifetime", '{"claims":{},"expiresInSeconds":-1}', "claims_invalid", /expiresInSeconds/],
    ["too long a lifetime", '{"claims":{},"expiresInSeconds":901}', "lifetime_too_long", /15m1s .* 15m/],
    [
      "more than 8 KiB",
      JSON.stringify({ claims: { x: "x".repeat(8192) } }),
      "claims_too_large",
      /8192 bytes/,
    ],
  ];
  for (const [what, body, code, why] of refused) {
    it(`are refused for ${what}`, async () => {
      expect(expectProblem(await post(AUTHORIZED, body), 422, code).detail).toMatch(why);
      expect(issuer.told).toEqual([{ type: "token_refused", kid: issuer.keys.status().emitter, code }]);
    });
  }

  it("cannot reach the header: names that mean something there are claims like any other", async () => {
    const claims = {
      kid: "x",
      alg: "none",
      jku: "https://evil.example.com",
      crit: ["b64"],
      b64: false,
      typ: "x",
    };
    const { token, kid } = JSON.parse((await post(AUTHORIZED, JSON.stringify({ claims }))).body);
    expect(JSON.parse(Buffer.from(token.split(".")[0], "base64url").toString())).toEqual({
      alg: "ES256",
      typ: "JWT",
      kid,
    });
    expect(decodeJwt(token)).toMatchObject(claims);
  });

  it("cannot reach the objects of this process", async () => {
    const answer = await post(AUTHORIZED, '{"claims":{"constructor":{"prototype":{"admin":true}}}}');
    expect(answer.status).toBe(200);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
    expect(decodeJwt(JSON.parse(answer.body).token)["admin"]).toBeUndefined();
  });
});
