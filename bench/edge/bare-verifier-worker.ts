/** What WebCrypto alone takes in a Worker to check the signature of a bearer's token, under a key that it was given. */
interface Bindings {
  /** The public key, as a JWK. */
  readonly KEY: string;
}

let key: CryptoKey | null = null;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const encoder = new TextEncoder();

export default {
  async fetch(request: Request, { KEY }: Bindings): Promise<Response> {
    const token = request.headers.get("Authorization")?.slice("Bearer ".length) ?? "";
    const end = token.lastIndexOf(".");
    const payload = token.slice(token.indexOf(".") + 1, end);
    key ??= await crypto.subtle.importKey("jwk", JSON.parse(KEY), ALGORITHM, false, ["verify"]);
    const signature = bytes(token.slice(end + 1));
    if (!(await crypto.subtle.verify(ALGORITHM, key, signature, encoder.encode(token.slice(0, end)))))
      return new Response(null, { status: 401 });
    const { sub }: { sub: string } = JSON.parse(new TextDecoder().decode(bytes(payload)));
    return Response.json({ hello: sub });
  },
};

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
