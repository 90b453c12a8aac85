/** A Worker of a user's own that signs by itself with the ring of another Worker's object, as EDGE.md shows it. */
import { openSigner, type RingSigner } from "keyturn";
import { keyRingReader } from "keyturn/cloudflare";

interface Bindings {
  readonly KEY_RING: Parameters<typeof keyRingReader>[0];
  /** The Worker whose object it is: asked for everything else. */
  readonly MANAGER: { fetch(request: Request): Promise<Response> };
  readonly KEYTURN_ISSUER: string;
  readonly KEYTURN_KEK: string;
}

// The signer itself is kept, never the promise of it: another request may never see that one settle.
let signer: RingSigner | null = null;

async function opened({ KEY_RING, KEYTURN_ISSUER, KEYTURN_KEK }: Bindings): Promise<RingSigner> {
  if (signer !== null) return signer;
  const mine = await openSigner({
    store: keyRingReader(KEY_RING),
    issuer: KEYTURN_ISSUER,
    kek: KEYTURN_KEK,
  });
  signer ??= mine;
  return signer;
}

export default {
  async fetch(request: Request, bindings: Bindings): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname !== "/sign") return bindings.MANAGER.fetch(request);
    try {
      const signer = await opened(bindings);
      return Response.json(await signer.sign({ sub: "load", aud: "load" }));
    } catch (error) {
      return Response.json({ error: String(error) }, { status: 503 });
    }
  },
};
