/**
 * A process that has done nothing yet. Its clock starts before the import, and not with the process:
 * what Node takes to start, and to strip the types from this file, is the same for all.
 */

export type Starter = "raw" | "keyturn" | "jose";

export interface FirstToken {
  readonly starter: Starter;
  readonly jwksUrl: string;
  readonly token: string;
  readonly expected: { readonly issuer: string; readonly audience: string };
}

const STARTERS: Readonly<Record<Starter, (first: FirstToken) => Promise<unknown>>> = {
  /** What the platform takes for the request, the key and the signature. */
  async raw({ jwksUrl, token }) {
    const { createPublicKey, verify } = await import("node:crypto");
    const { keys } = (await (await fetch(jwksUrl)).json()) as { keys: { kid: string; kty: string }[] };
    const [header = "", payload = "", signature = ""] = token.split(".");
    const { kid } = JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: string };
    const jwk = keys.find((published) => published.kid === kid) ?? { kty: "none" };
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const input = Buffer.from(`${header}.${payload}`);
    const valid = verify(
      "sha256",
      input,
      { key, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url"),
    );
    if (!valid) throw new Error("raw: a good signature was refused");
  },
  async keyturn({ jwksUrl, token, expected }) {
    const { createVerifier } = await import("../dist/verifier/index.js");
    await createVerifier({ ...expected, jwksUrl }).verify(token);
  },
  async jose({ jwksUrl, token, expected }) {
    const { createRemoteJWKSet, jwtVerify } = await import("jose");
    await jwtVerify(token, createRemoteJWKSet(new URL(jwksUrl)), expected);
  },
};

process.on("message", (first: FirstToken) => {
  const start = performance.now();
  STARTERS[first.starter](first).then(
    () => process.send?.(performance.now() - start),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
