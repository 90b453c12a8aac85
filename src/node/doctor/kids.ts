/** The keys that the public sees, against those that the ring publishes. */
import { marginSeconds, maxAgeSeconds, revocationBoundSeconds } from "../../ring/hold.ts";
import { publicJwks } from "../../ring/jwks.ts";
import { emitterOf } from "../../ring/phase.ts";
import { isRoutine, type KeyRing, keyOf, type RingKey, tombstoneOf } from "../../ring/ring.ts";
import { type Fault, type Finding, failing, finding, shown, warning } from "./finding.ts";
import type { Answered } from "./public-jwks.ts";

type ServedKey = Readonly<Record<string, unknown>> & { readonly kid: string };

export function checkJwksKids({ document }: Answered, ring: KeyRing, now: number): Finding {
  const published = publicJwks(ring, now).keys;
  const served = document.keys.filter(isNamed);
  const faults = [
    ...(document.ring !== null && document.ring !== ring.id ? [otherRing()] : []),
    ...published.flatMap((key) => {
      const shownKey = served.find(({ kid }) => kid === key.kid);
      if (shownKey === undefined) return [missing(keyOf(ring, key.kid) as RingKey, ring, now)];
      const isSame = Object.entries(key).every(([member, value]) => shownKey[member] === value);
      return isSame ? [] : [otherKey(key.kid)];
    }),
    ...served
      .filter(({ kid }) => !published.some((key) => key.kid === kid))
      .flatMap(({ kid }) => surplus(kid, ring, now)),
  ];
  return finding(
    "jwks-kids",
    faults,
    `The public JWKS shows the ring's ${published.length} published keys, and no others.`,
  );
}

function isNamed(key: unknown): key is ServedKey {
  return typeof (key as { kid?: unknown } | null)?.kid === "string";
}

function otherRing(): Fault {
  return failing(
    "The public JWKS is that of another ring.",
    "Check that jwksUrl leads to nodes that have this folder, and that no two rings were made.",
  );
}

function otherKey(kid: string): Fault {
  return failing(
    `The public JWKS shows another key under the kid ${kid}.`,
    "Whoever serves it is not this issuer: find out what jwksUrl leads to.",
  );
}

/** A cache may still hold the JWKS from before the key for as long as max-age, and what it takes to get there. */
function missing(key: RingKey, ring: KeyRing, now: number): Fault {
  const { kid, publishedAt, createdAt } = key;
  if (publishedAt === null) {
    return warning(
      `The public JWKS does not show ${kid} yet; its hold starts when it does.`,
      "If this lasts: purge the caches before the JWKS.",
    );
  }
  const boundSeconds = maxAgeSeconds(ring.policy) + marginSeconds(ring.policy);
  const isNew = key !== emitterOf(ring) && now <= Math.max(createdAt, publishedAt) + boundSeconds;
  if (isNew)
    return warning(`The public JWKS does not show ${kid} yet.`, "Caches have until their max-age is over.");
  return failing(
    `The public JWKS does not show ${kid}: its tokens are refused.`,
    "Purge the caches before the JWKS, and check that every node serves this ring.",
  );
}

/** What was revoked lives on in caches until the bound; what the ring never knew is trusted for no reason of ours. */
function surplus(kid: string, ring: KeyRing, now: number): Fault[] {
  const live = keyOf(ring, kid);
  const tombstone = tombstoneOf(ring, kid);
  const goneAt = tombstone?.revokedAt ?? live?.acceptUntil;
  if (goneAt == null) {
    return [
      failing(
        `The public JWKS shows ${shown(kid)}, which this ring never published.`,
        "Find out who serves it: whoever has its private key signs tokens that verifiers accept.",
      ),
    ];
  }
  const isLate = now > goneAt + revocationBoundSeconds(ring.policy);
  if (isLate) {
    return [
      failing(
        `The public JWKS still shows ${kid}, which left the ring longer ago than any cache may keep it.`,
        "Purge the caches before the JWKS, and take out nodes that serve an old ring.",
      ),
    ];
  }
  // A key whose time was over harms nobody in a cache.
  if (tombstone === undefined || isRoutine(tombstone)) return [];
  return [
    warning(
      `The public JWKS still shows ${kid}, which was revoked.`,
      "Purge the caches before the JWKS if it leaked.",
    ),
  ];
}
