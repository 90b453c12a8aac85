/**
 * The product's own verifier in the simulated world: real signatures, real parsing, real caches, with
 * the world's network, clock and chance.
 */
import { parseKek } from "../../src/keys/kek.ts";
import { openJwk } from "../../src/keys/seal.ts";
import { createSigner } from "../../src/keys/signer.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { createVerifier, isVerifyError } from "../../src/verifier/index.ts";
import type { Delivered, Edge } from "./edge.ts";
import { ISSUER, KEK } from "./issuing-node.ts";
import type { Token } from "./ledger.ts";
import { EPOCH } from "./machine-clock.ts";
import type { World } from "./world.ts";

const JWKS_URL = `${ISSUER}/.well-known/jwks.json`;
const VERIFIERS = 2;

/** Ours is in the world twice, and whoever steals keys mints real tokens with them. */
export function settleOwnVerifiers(world: World): void {
  const posts = Array.from({ length: VERIFIERS }, (_, i) => ownPost(world, `keyturn ${i + 1}`));
  const stolen = stolenKeys(world);
  world.others.push((token) => {
    for (const present of posts) world.agenda.after(world.chance.between(0, 1), () => present(token));
    const [late] = posts;
    const last = token.expiresAt + world.ledger.policy.leewaySeconds + world.chance.between(-3, 1);
    if (late !== undefined) world.agenda.at(last, () => late(token));
    const minted = stolen();
    if (minted !== null) world.agenda.after(0, () => world.chance.pick(posts)(minted));
  });
}

function ownPost(world: World, name: string): (token: Token) => boolean {
  const { ledger, agenda, traffic } = world;
  const { jwksCacheSeconds, leewaySeconds } = ledger.policy;
  const clock = world.newClock();
  // Behind two, so that one may answer with less than the other did before.
  const edges: readonly Edge[] = [world.newEdge(), world.newEdge()];
  const chance = world.chance.fork();
  let last: Delivered | null = null;
  let failedAt = Number.NEGATIVE_INFINITY;
  let usableUntil = Number.NEGATIVE_INFINITY;
  const maxStaleSeconds = jwksCacheSeconds;
  const verifier = createVerifier({
    issuer: ISSUER,
    audience: null,
    jwksUrl: JWKS_URL,
    leewaySeconds,
    freshSeconds: jwksCacheSeconds,
    minFreshSeconds: 2,
    maxFreshSeconds: jwksCacheSeconds,
    maxStaleSeconds,
    // In real time, of which a simulated answer takes none; a busy machine must not make it late.
    fetchSeconds: 60,
    clock,
    random: chance.next,
    onEvent(event) {
      // Invariant 5: not back to a lower generation while a newer one can still be used.
      if (event.type === "older_set_taken" && agenda.now < usableUntil)
        ledger.violate("5", `${name} goes back from generation ${event.seen} to ${event.generation}`);
      if (event.type === "jwks_fetched")
        usableUntil = agenda.now + event.freshSeconds + maxStaleSeconds - 2 * ledger.policy.fetchSeconds;
    },
    fetch: async (_url, init) => {
      const leg = traffic.legSeconds();
      const answer = traffic.fetch(chance.pick(edges), leg);
      if (leg > 0) await agenda.delay(leg);
      if (answer === null) {
        failedAt = agenda.now;
        throw new TypeError("The endpoint is down.");
      }
      last = answer;
      return responseOf(answer, new Headers(init?.headers).get("If-None-Match"));
    },
  });

  return (token) => {
    const end = (verdict: "accepted" | "rejected" | "unavailable") => {
      // While the endpoint was down, it goes on with what it has for a while longer.
      const grace = agenda.now - failedAt < 3 * jwksCacheSeconds ? maxStaleSeconds + jwksCacheSeconds : 0;
      const taint =
        last?.taint ?? (verdict === "rejected" && failedAt > agenda.now - 60 ? "endpoint was down" : null);
      traffic.conclude(name, clock, token, verdict, taint, grace);
    };
    verifier.verify(token.token).then(
      () => end("accepted"),
      (error: unknown) => {
        if (!isVerifyError(error)) throw error;
        world.story.tell(name, () => `${error.reason} for ${world.story.nameOf(token.kid)}`);
        end(error.status === 503 ? "unavailable" : "rejected");
      },
    );
    return true;
  };
}

function responseOf(
  { body, etag, maxAgeSeconds, ageSeconds, cacheControl }: Delivered,
  held: string | null,
): Response {
  const headers = new Headers({ ETag: etag, "Content-Type": "application/jwk-set+json" });
  if (cacheControl) headers.set("Cache-Control", `public, max-age=${maxAgeSeconds}, must-revalidate`);
  if (ageSeconds !== null) headers.set("Age", String(ageSeconds));
  return held === etag
    ? new Response(null, { status: 304, headers })
    : new Response(body, { status: 200, headers });
}

/** Copies each key just before it is revoked, and mints tokens with it from then on. */
function stolenKeys(world: World): () => Token | null {
  const minters: (() => Token)[] = [];
  world.operator.beforeRevoke = async (ring: KeyRing, kid: string) => {
    const key = ring.keys.find((one) => one.kid === kid);
    if (key === undefined) return;
    const privateJwk = await openJwk(key.sealedJwk, { ring: ring.id, kid }, await parseKek(KEK));
    const signer = await createSigner(key, privateJwk, "JWT");
    const mint = (): Token => {
      const expiresAt = Math.floor(world.agenda.now + 100_000);
      const claims = { iss: ISSUER, sub: "somebody else", iat: EPOCH, exp: EPOCH + expiresAt };
      return { token: signer.sign(JSON.stringify(claims)) as string, kid, expiresAt, isHonest: false };
    };
    // Some it makes anew, and one it shows again and again, which may lie in a cache of verified tokens.
    const first = mint();
    minters.push(() => (world.chance.happens(0.5) ? first : mint()));
  };
  return () => {
    if (minters.length === 0) return null;
    world.ledger.injected("attacker: token of a revoked key");
    return world.chance.pick(minters.slice(-3))();
  };
}
