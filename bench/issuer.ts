/** An issuer for verifiers to judge: keyturn's own tokens, and its JWKS on loopback. */
import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { createApp } from "../dist/http/index.js";
import { createKeyManager, memoryStore } from "../dist/index.js";
import { type Alg, CLAIMS, ISSUER } from "./peers.ts";

/** A public key as it is published: with its algorithm and its name. */
export interface PublishedKey extends JsonWebKey {
  readonly kty: string;
  readonly kid: string;
  readonly alg: string;
}

export interface Issuer {
  readonly alg: Alg;
  readonly jwks: { readonly keys: PublishedKey[] };
  readonly jwksUrl: string;
  /** Of the key that signs. */
  readonly publicKey: KeyObject;
  /** A new token, no two of which are the same. */
  sign(audience?: string): Promise<string>;
  /** How often the JWKS was asked for so far. */
  requests(): number;
  close(): void;
}

export async function openIssuer(alg: Alg): Promise<Issuer> {
  const keys = await createKeyManager({
    store: memoryStore(),
    issuer: ISSUER,
    policy: { alg, rsaBits: 2048 },
  });
  const answer = getRequestListener(createApp({ manager: keys }).fetch);
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    void answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;

  const { kid } = await keys.sign(CLAIMS);
  const jwks = structuredClone(keys.jwks()) as unknown as Issuer["jwks"];
  const signing = jwks.keys.find((key) => key.kid === kid) as PublishedKey;
  return {
    alg,
    jwks,
    jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    publicKey: createPublicKey({ key: signing, format: "jwk" }),
    sign: async (audience = CLAIMS.aud) => (await keys.sign({ ...CLAIMS, aud: audience })).token,
    requests: () => requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
