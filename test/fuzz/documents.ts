/**
 * Stored documents that are almost right. Without the KEK none is believed; with it, whatever is
 * believed is a ring that can be worked with, and the rest is refused in words.
 */
import canonicalize from "canonicalize";
import fc from "fast-check";
import { type ErrorCode, isKeyturnError } from "../../src/errors.ts";
import { type Kek, parseKek } from "../../src/keys/kek.ts";
import { openRing } from "../../src/keys/sealed-ring.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { EARLIEST_INSTANT, LATEST_INSTANT, type RingDocument } from "../../src/ring/document.ts";
import type { RingStore } from "../../src/store/store.ts";
import { type Place, place } from "../manager/faulty-store.ts";
import { ISSUER, KEK, kidIn, OTHER_KEK, openNode, pass, settle } from "../manager/fleet.ts";
import { manualClock } from "../manager/manual-clock.ts";
import type { Row } from "../proof/section.ts";
import { alteredJson, alteredText, oddValues } from "./alterations.ts";
import { type Extent, searched } from "./search.ts";
import { assertRefusal } from "./service.ts";

/** What may be said of a document that somebody without the KEK has touched. */
const NOT_BELIEVED: readonly ErrorCode[] = [
  "ring_corrupt",
  "ring_tampered",
  "ring_schema_unknown",
  "kek_mismatch",
];

/** JSON can say it, and no canonical form can. */
const HALF_A_PAIR = "\ud800";

/** What some member or other of a ring may be, so that the form alone does not give the change away. */
function fitting(now: number): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: now - 3000, max: now + 3000 }) },
    {
      weight: 4,
      arbitrary: fc.constantFrom(null, true, false, "ES256", "RS256", "EdDSA", "emit", "manual", "retired"),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        EARLIEST_INSTANT,
        LATEST_INSTANT,
        1,
        7,
        2048,
        "P-384",
        "superseded",
        "a..a.a.a",
      ),
    },
    { weight: 1, arbitrary: oddValues },
  );
}

export async function documentRows(extent: Extent): Promise<Row[]> {
  const { document, now } = await eventfulDocument();
  const kek = await parseKek(KEK);
  const parsed = JSON.parse(document) as RingDocument;
  const codes = new Map<string, number>();
  const count = (code: string) => void codes.set(code, (codes.get(code) ?? 0) + 1);
  const counted = () => {
    const told = [...codes].map(([code, times]) => `${code} × ${times}`).join(", ");
    codes.clear();
    return told;
  };

  async function neverBelieved(text: string): Promise<void> {
    if (text === document) return;
    const error: unknown = await openRing(text, [kek]).catch((thrown: unknown) => thrown);
    assertRefusal(error, KEK);
    if (!NOT_BELIEVED.includes(error.code))
      throw new Error(`${error.code} for a document that is not authentic`);
    count(error.code);
  }

  async function refusedOrWorkable(altered: unknown): Promise<void> {
    const text = await authentic(altered, kek);
    count(await livedWith(text, now));
  }

  return [
    await searched(
      "stored documents, any change of the text",
      fc.asyncProperty(alteredText(document), neverBelieved),
      extent,
      counted,
    ),
    await searched(
      "stored documents, any change of the content",
      fc.asyncProperty(
        alteredJson(parsed, fc.oneof(oddValues, fc.constant(HALF_A_PAIR))).filter(
          (altered) => JSON.stringify(altered) !== JSON.stringify(parsed),
        ),
        (altered) => neverBelieved(`${JSON.stringify(altered, null, 2)}\n`),
      ),
      extent,
      counted,
    ),
    await searched(
      "stored documents, any change, authenticated anew under the KEK",
      fc.asyncProperty(alteredJson(parsed.ring, fitting(now), 1), refusedOrWorkable),
      { ...extent, runs: Math.ceil(extent.runs / 2) },
      counted,
    ),
  ];
}

/** One with keys in every phase, tombstones, a rollback and a change of policy behind it. */
async function eventfulDocument(): Promise<{ document: string; now: number }> {
  const there: Place = place();
  const node = await openNode(there, { policy: { alg: "ES256" } });
  const { keys } = node;
  await pass(node, 1300);
  await keys.rotate();
  await keys.rollback({ reason: "drill" });
  await keys.applyPolicy({ alg: "EdDSA" });
  await settle(node);
  await keys.revoke(kidIn(keys, "emitting"), { reason: "leaked" });
  await keys.pause({ reason: "deploying" });
  return { document: there.newest().document, now: node.clock.now() };
}

/** The document as whoever has the KEK could write it. */
async function authentic(ring: unknown, kek: Kek): Promise<string> {
  const body = { schema: 1, kek: kek.id, ring };
  const bytes = new TextEncoder().encode(canonicalize(body) as string);
  const mac = Buffer.from(await crypto.subtle.sign("HMAC", kek.authenticating, bytes)).toString("base64url");
  return `${JSON.stringify({ ...body, mac }, null, 2)}\n`;
}

/** Opens it and does all that can be done. Returns the refusal at the door, or `opened`. */
async function livedWith(document: string, now: number): Promise<string> {
  const clock = manualClock(now);
  const options = { issuer: ISSUER, kek: KEK, clock };
  const opening = await createKeyManager({ ...options, store: holding(document) }).catch(
    (error: unknown) => error,
  );
  if (opening instanceof Error) {
    assertRefusal(opening, KEK, OTHER_KEK);
    if (!/^(ring|kek)_/.test(opening.code) && opening.code !== "key_selftest_failed")
      throw new Error(`${opening.code} for a stored ring`);
    return opening.code;
  }
  const keys = opening as Awaited<ReturnType<typeof createKeyManager>>;
  if (keys.jwks().keys.length === 0) throw new Error("An empty JWKS.");
  keys.status();
  keys.plan();
  await keys.sign({});
  for (const work of [
    () => keys.resume(),
    () => keys.tick(),
    () => keys.rotate(),
    () => keys.rollback({ reason: "drill" }),
    () => keys.tick(),
    () => keys.revoke(keys.status().emitter, { reason: "leaked" }),
  ]) {
    clock.advance(1500);
    await work().catch((error: unknown) => {
      if (!isKeyturnError(error) || error.code === "internal") throw error;
    });
  }
  return "opened";
}

/** Holds it as if it had been committed, and takes its successors. */
function holding(document: string): RingStore {
  const there = place();
  let restored = false;
  return {
    description: "memory",
    async load() {
      if (!restored) there.restore(document);
      restored = true;
      return there.load();
    },
    replace: (next, expected) => there.replace(next, expected),
  };
}
