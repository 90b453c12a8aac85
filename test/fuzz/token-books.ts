/**
 * Stored books of API tokens that are almost right. Whatever lies in the store, nobody gets in whom the
 * untouched book refuses; without the KEK nothing is believed, and with it the rest is refused in words.
 */
import fc from "fast-check";
import { type ApiTokens, createApiTokens } from "../../src/api-tokens/api-tokens.ts";
import { authenticated, BOOK_SCHEMA } from "../../src/api-tokens/book-document.ts";
import { openBook } from "../../src/api-tokens/sealed-book.ts";
import type { TokenBook } from "../../src/api-tokens/token-book.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { type Kek, parseKek } from "../../src/keys/kek.ts";
import { type Place, place } from "../manager/faulty-store.ts";
import { KEK, OTHER_KEK } from "../manager/fleet.ts";
import { type ManualClock, manualClock } from "../manager/manual-clock.ts";
import type { Row } from "../proof/section.ts";
import { alteredJson, alteredText, oddValues } from "./alterations.ts";
import { type Extent, searched } from "./search.ts";
import { assertRefusal } from "./service.ts";

/** Id of the ring that they guard. */
const RING = "ring";

/** What may be said of a book that somebody without the KEK has touched. */
const NOT_BELIEVED: readonly ErrorCode[] = ["api_tokens_corrupt", "api_tokens_tampered", "kek_mismatch"];

export async function tokenBookRows(extent: Extent): Promise<Row[]> {
  const world = await eventfulBook();
  const { kek, otherKek, book, documents } = world;
  const newest = documents.at(-1) as string;
  const parsed = JSON.parse(newest) as object;
  const codes = new Map<string, number>();
  const count = (code: string) => void codes.set(code, (codes.get(code) ?? 0) + 1);
  const counted = () => {
    const told = [...codes].map(([code, times]) => `${code} × ${times}`).join(", ");
    codes.clear();
    return told;
  };

  /** By a node that starts, and by one that runs. */
  async function neverBelieved(document: string): Promise<void> {
    if (document === newest) return;
    const refusal: unknown = await world.opened(document).catch((error: unknown) => error);
    count(codeIn(refusal, NOT_BELIEVED));
    await world.staysWithWhatItHas(document, NOT_BELIEVED);
  }

  return [
    await searched(
      "books of API tokens, any change of the text",
      fc.asyncProperty(fc.oneof(alteredText(newest), doubledMember(newest)), neverBelieved),
      extent,
      counted,
    ),
    await searched(
      "books of API tokens, any change of the content",
      fc.asyncProperty(alteredJson(parsed, fitting(world)), (altered) =>
        neverBelieved(`${JSON.stringify(altered)}\n`),
      ),
      extent,
      counted,
    ),
    await searched(
      "books of API tokens, under a KEK that is not theirs",
      fc.asyncProperty(
        fc.oneof(fc.constant<unknown>(book), alteredJson(book, fitting(world), 1)),
        fc.boolean(),
        async (altered, pretends) =>
          neverBelieved(await sealed(altered, otherKek, pretends ? kek.id : undefined)),
      ),
      { ...extent, runs: Math.ceil(extent.runs / 2) },
      counted,
    ),
    await searched(
      "books of API tokens, authentic, of generations and deployments that were",
      fc.asyncProperty(fc.integer({ min: 0, max: book.generation }), fc.boolean(), async (back, isOther) => {
        // All that ever was would be good again.
        const tokens = book.tokens.map((one) => ({ ...one, revokedAt: null, revokedBecause: null }));
        const id = isOther ? `${book.id.slice(1)}A` : book.id;
        const generation = Math.max(1, book.generation - back);
        const raised = { ...book, id, generation, tokens };
        const document = await sealed(raised, kek);
        count(await world.staysWithWhatItHas(document, ["api_tokens_rolled_back"]));
        for (const former of documents.slice(0, -1))
          count(await world.staysWithWhatItHas(former, ["api_tokens_rolled_back"]));
      }),
      { ...extent, runs: Math.ceil(extent.runs / 10) },
      counted,
    ),
    await searched(
      "books of API tokens, any change, authenticated anew under the KEK",
      fc.asyncProperty(alteredJson(book, fitting(world), 1), async (altered) => {
        const document = await sealed(altered, kek);
        if (document !== newest) count(await livedWith(document, world));
      }),
      { ...extent, runs: Math.ceil(extent.runs / 2) },
      counted,
    ),
  ];
}

interface World {
  readonly kek: Kek;
  readonly otherKek: Kek;
  readonly clock: ManualClock;
  /** The newest, and each document up to it. */
  readonly book: TokenBook;
  readonly documents: readonly string[];
  /** Values of every token that ever was, and one that never was. */
  readonly values: readonly string[];
  /** A node that starts on this document. */
  opened(document: string): Promise<ApiTokens>;
  /** Has a node that runs look at it. Returns why it was not taken up. */
  staysWithWhatItHas(document: string, because: readonly ErrorCode[]): Promise<string>;
}

/** With tokens of every role and in every phase. */
async function eventfulBook(): Promise<World> {
  const [kek, otherKek] = [await parseKek(KEK), await parseKek(OTHER_KEK)];
  const clock = manualClock();
  const there = place();
  const refusals: unknown[] = [];
  const open = (store: Place) =>
    createApiTokens({
      // To wait must not bring any token nearer to its end.
      pause: async () => {},
      ...{ store, ring: RING, keks: [kek], clock },
      onEvent: (event) => void ("error" in event && refusals.push(event.error)),
    });
  const tokens = await open(there);
  const by = "test";
  const scope = { audiences: ["orders"], claims: { tenant: "acme" } };
  const signer = await tokens.issue({ name: "orders", role: "signer", scope, by });
  const operator = await tokens.issue({ name: "ops", role: "operator", expiresInSeconds: null, by });
  const security = await tokens.issue({ name: "admin", role: "security", by });
  const expired = await tokens.issue({ name: "ci", role: "scheduler", expiresInSeconds: 60, by });
  const successor = await tokens.rotate(signer.view.id, { by });
  clock.advance(100);
  await tokens.authenticate(operator.token);
  await tokens.flush();
  await tokens.revoke(security.view.id, { reason: "found in a log", by });

  const documents = there.history.map(({ document }) => document);
  const { book } = await openBook(there.newest().document, [kek], RING);
  const never = await (await open(place())).issue({ name: "elsewhere", role: "security", by });
  const values = [signer, operator, security, expired, never].map(({ token }) => token);
  if (successor.token !== null) values.push(successor.token);
  const verdicts = await verdictsOf(tokens, values);
  if (verdicts.filter((verdict) => verdict !== null).length !== 3) throw new Error("Three should be good.");

  return {
    ...{ kek, otherKek, clock, book, documents, values },
    async opened(document) {
      const store = place();
      store.restore(document);
      return open(store);
    },
    async staysWithWhatItHas(document, because) {
      refusals.length = 0;
      there.restore(document);
      await tokens.refresh();
      const found = await verdictsOf(tokens, values);
      found.forEach((verdict, i) => {
        if (verdict !== null && verdict !== verdicts[i]) throw new Error(`A token became good: ${verdict}.`);
      });
      const code = codeIn(refusals.at(-1), because);
      there.restore(documents.at(-1) as string);
      await tokens.refresh();
      if ((await verdictsOf(tokens, values)).join() !== verdicts.join())
        throw new Error("It did not recover.");
      return code;
    },
  };
}

/** Who each token is taken for; null for those that are refused, in whatever words. */
function verdictsOf({ authenticate }: ApiTokens, values: readonly string[]): Promise<(string | null)[]> {
  return Promise.all(
    values.map((value) =>
      authenticate(value).then(
        (caller) => caller && JSON.stringify(caller),
        (error: unknown) => {
          assertRefusal(error, KEK, ...values);
          return null;
        },
      ),
    ),
  );
}

/** Opens it and does all that can be done. Returns the refusal at the door, or `opened`. */
async function livedWith(document: string, { opened, values }: World): Promise<string> {
  const opening: unknown = await opened(document).catch((error: unknown) => error);
  if (opening instanceof Error) return codeIn(opening, ["api_tokens_corrupt", "api_tokens_tampered"]);
  const tokens = opening as ApiTokens;
  const by = "test";
  const [id = ""] = tokens.list().map((token) => token.id);
  for (const work of [
    () => verdictsOf(tokens, values),
    () => tokens.rotate(id, { by }),
    () => tokens.rotate(id, { by }),
    () => tokens.issue({ name: "another", role: "signer", by }),
    () => tokens.rewrap(),
    () => tokens.revoke(id, { reason: "a test", line: true, by }),
  ])
    await work().catch((error: unknown) => assertRefusal(error, KEK, ...values));
  await tokens.flush();
  const wrong = tokens.list().filter((token) => "hash" in token);
  if (wrong.length > 0) throw new Error("A list with hashes.");
  return "opened";
}

/** The document as whoever has this KEK could write it. @param id of the KEK that it says it is under */
async function sealed(book: unknown, kek: Kek, id: string = kek.id): Promise<string> {
  const body = { schema: BOOK_SCHEMA, kek: id, book: book as TokenBook };
  const bytes = new TextEncoder().encode(authenticated(body));
  const mac = Buffer.from(await crypto.subtle.sign("HMAC", kek.authenticating, bytes)).toString("base64url");
  return `${JSON.stringify({ ...body, mac })}\n`;
}

/** JSON.parse keeps the last of two members of a name, and others keep the first. */
function doubledMember(document: string): fc.Arbitrary<string> {
  const members = [...document.matchAll(/"\w+":("[^"]*"|\d+|null)/g)];
  const values = fc.constantFrom("null", "0", '"security"', "9999999999", '"A"');
  return fc.tuple(fc.constantFrom(...members), values, fc.boolean()).map(([member, value, isFirst]) => {
    const [text = ""] = member;
    const other = `${text.slice(0, text.indexOf(":"))}:${value}`;
    const both = isFirst ? `${other},${text}` : `${text},${other}`;
    return document.slice(0, member.index) + both + document.slice(member.index + text.length);
  });
}

/** What some member or other of a book may be: also what another token has there. */
function fitting({ book, clock }: Pick<World, "book" | "clock">): fc.Arbitrary<unknown> {
  const now = clock.now();
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...book.tokens.flatMap(({ id, hash }) => [id, hash])) },
    { weight: 4, arbitrary: fc.integer({ min: now - 3000, max: now + 3000 }) },
    {
      weight: 4,
      arbitrary: fc.constantFrom<unknown>(null, "security", "operator", "signer", "manual", 1, 99),
    },
    { weight: 1, arbitrary: oddValues },
  );
}

function codeIn(refusal: unknown, allowed: readonly ErrorCode[]): string {
  if (!(refusal instanceof Error)) throw new Error("It was believed.");
  assertRefusal(refusal, KEK, OTHER_KEK);
  if (!allowed.includes(refusal.code)) throw new Error(`${refusal.code}, where none of that was to be found`);
  return refusal.code;
}
