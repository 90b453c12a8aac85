/** What WebCrypto alone takes in a Worker to read a body of claims and answer with a signed token. */
let key: CryptoKey | null = null;

const KID = "k".repeat(43);
const encoder = new TextEncoder();
const HEADER = base64url(encoder.encode(JSON.stringify({ alg: "ES256", typ: "JWT", kid: KID })));

export default {
  async fetch(request: Request): Promise<Response> {
    const { claims }: { claims: object } = await request.json();
    const now = Math.floor(Date.now() / 1000);
    const set = { iss: "http://127.0.0.1", iat: now, exp: now + 900, jti: crypto.randomUUID(), ...claims };
    const input = `${HEADER}.${base64url(encoder.encode(JSON.stringify(set)))}`;
    key ??= await freshKey();
    const signature = await crypto.subtle.sign(
      { name: "ECDSA", hash: "SHA-256" },
      key,
      encoder.encode(input),
    );
    const token = `${input}.${base64url(new Uint8Array(signature))}`;
    return Response.json({ token, kid: KID, expiresAt: now + 900 });
  },
};

async function freshKey(): Promise<CryptoKey> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  return (await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"])).privateKey;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}
