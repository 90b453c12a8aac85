import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { probeOf, publicJwksUrl } from "../../src/http/public-jwks.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  vi.restoreAllMocks();
});

async function probing(listener: RequestListener) {
  server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}/jwks`;
  return { url, probe: probeOf({ jwksUrl: url, issuer: "https://auth.example.com", fetchSeconds: 1 }) };
}

const answering = (body: string, status = 200, headers = {}) =>
  probing((_request, response) => response.writeHead(status, headers).end(body));

describe("the probe", () => {
  it("sees the kids that the public URL shows", async () => {
    const { probe } = await answering('{"keys":[{"kid":"a"},{"kid":"b","kty":"EC"}]}');
    expect(await probe()).toEqual(["a", "b"]);
  });

  const nothing: readonly [string, string, number?][] = [
    ["an error", '{"keys":[{"kid":"a"}]}', 500],
    ["not found", '{"keys":[{"kid":"a"}]}', 404],
    ["a page", "<html><body>kid: a</body></html>"],
    ["half a JWKS", '{"keys":[{"kid":"a"}'],
    ["null", "null"],
    ["a list", '[{"kid":"a"}]'],
    ["a JWKS whose keys are no list", '{"keys":{"kid":"a"}}'],
    ["keys without kid", '{"keys":[{"kty":"EC"},{"kid":7},null,"a"]}'],
  ];
  for (const [what, body, status] of nothing) {
    it(`sees nothing in ${what}`, async () => {
      const { probe } = await answering(body, status);
      expect(await probe()).toEqual([]);
    });
  }

  it("does not follow where it is sent, for verifiers do not either, nor read what comes with it", async () => {
    const asked: (string | undefined)[] = [];
    const { probe } = await probing((request, response) => {
      asked.push(request.url);
      if (request.url === "/jwks") response.writeHead(302, { Location: "/elsewhere" });
      response.end('{"keys":[{"kid":"a"}]}');
    });
    expect(await probe()).toEqual([]);
    expect(asked).toEqual(["/jwks"]);
  });

  it("sees nothing in a redirect of which its runtime tells nothing", async () => {
    const shown = new Response('{"keys":[{"kid":"a"}]}');
    const hidden = { type: { value: "opaqueredirect" }, status: { value: 0 }, ok: { value: false } };
    vi.spyOn(globalThis, "fetch").mockResolvedValueOnce(Object.defineProperties(shown, hidden));
    const { probe } = await answering('{"keys":[{"kid":"a"}]}');
    expect(await probe()).toEqual([]);
  });

  it("sees nothing where nobody answers, or not within fetchSeconds", async () => {
    const { probe } = await probing(() => {});
    expect(await probe()).toEqual([]);
    server?.closeAllConnections();
    server?.close();
    expect(await probe()).toEqual([]);
  });
});

describe("the public URL of the JWKS", () => {
  it("is the one configured, else below the issuer", () => {
    const issuer = "https://auth.example.com";
    const below = `${issuer}/.well-known/jwks.json`;
    expect(publicJwksUrl({ issuer, jwksUrl: null })).toBe(below);
    expect(publicJwksUrl({ issuer: `${issuer}/`, jwksUrl: null })).toBe(below);
    expect(publicJwksUrl({ issuer })).toBe(below);
    expect(publicJwksUrl({ issuer, jwksUrl: "https://cdn.example.com/k" })).toBe("https://cdn.example.com/k");
  });
});
