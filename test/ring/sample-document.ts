/** A document with every kind of fact in it, and what becomes of it when it is altered. */
import { expect } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import { decodeDocument, encodeDocument, type RingDocument } from "../../src/ring/document.ts";
import type { KeyRing } from "../../src/ring/ring.ts";
import { applyPolicy, pause, requestRotation, revoke } from "../../src/ring/step.ts";
import { fakeKey, kidOf, turnedOver } from "./sample-ring.ts";

export function documentOf(ring: KeyRing): RingDocument {
  return { schema: 1, kek: "kek-id_0123456789", ring, mac: `${"m".repeat(42)}A` };
}

/** A ring with every kind of fact in it. */
export function eventful(): KeyRing {
  const sample = turnedOver({ tokenSeconds: 3600 }).wait(60);
  sample.commit(requestRotation(sample.ring, sample.now));
  sample.commit(pause(sample.ring, sample.now));
  sample.commit(applyPolicy(sample.ring, { ...sample.ring.policy, alg: "RS256" }, sample.now));
  sample.tick();
  sample.commit(revoke(sample.ring, kidOf(1), "„Schlüssel“ verloren \u{1f511}", sample.now, fakeKey(50)));
  return sample.ring;
}

export const WHOLE: string = encodeDocument(documentOf(eventful()));

/** The refusal of `text`; undefined when it is read. */
export function refusalOf(text: string): { code: string; message: string } | undefined {
  try {
    decodeDocument(text);
  } catch (error) {
    if (isKeyturnError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return undefined;
}

export function codeOf(text: string): string | undefined {
  return refusalOf(text)?.code;
}

/** `WHOLE` with one spot changed, which must be there. */
export function altered(from: string | RegExp, to: string): string {
  const text = WHOLE.replace(from, to);
  expect(text).not.toBe(WHOLE);
  return text;
}
