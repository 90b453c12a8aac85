import { describe, expect, it } from "vitest";
import { DISCOVERY_PATHS } from "../../src/http/discovery.ts";
import { JWKS_PATH } from "../../src/http/jwks.ts";
import { ISSUER } from "../manager/fleet.ts";
import { openIssuer } from "./served.ts";

describe.each(DISCOVERY_PATHS)("%s", (path) => {
  it("names issuer, JWKS and algorithm, for everyone and for as long as the JWKS", async () => {
    const { app } = await openIssuer();
    const response = await app.request(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/json");
    expect(response.headers.get("Cache-Control")).toBe("public, max-age=530, must-revalidate");
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(await response.json()).toEqual({
      issuer: ISSUER,
      jwks_uri: `${ISSUER}${JWKS_PATH}`,
      id_token_signing_alg_values_supported: ["ES256"],
      response_types_supported: [],
      subject_types_supported: ["public"],
    });
  });

  it("keeps the issuer to the letter, and does not double the slash that ends it", async () => {
    const issuer = "https://auth.example.com/tenants/7/";
    const { app } = await openIssuer({ issuer });
    expect(await (await app.request(path)).json()).toMatchObject({
      issuer,
      jwks_uri: `https://auth.example.com/tenants/7${JWKS_PATH}`,
    });
  });

  it("sends verifiers to the CDN that it is told of", async () => {
    const jwksUrl = "https://cdn.example.com/keys.json";
    const { app } = await openIssuer({}, { jwksUrl });
    expect(await (await app.request(path)).json()).toMatchObject({ jwks_uri: jwksUrl });
  });

  it("lists each algorithm that a published key has, once", async () => {
    const { app, keys } = await openIssuer();
    await keys.applyPolicy({ alg: "EdDSA" });
    await keys.tick();
    const { id_token_signing_alg_values_supported: algorithms } = (await (
      await app.request(path)
    ).json()) as {
      id_token_signing_alg_values_supported: string[];
    };
    expect(algorithms).toEqual(["ES256", "EdDSA"]);
  });
});
