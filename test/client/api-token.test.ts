import { describe, expect, it } from "vitest";
import {
  apiTokenFrom,
  type Known,
  knownFrom,
  leadSecondsOf,
  renewAfterSeconds,
  secondsLeft,
} from "../../src/client/api-token.ts";

const NOW = 1_800_000_000;
const SINCE = { now: NOW, monotonic: 5000 };
const VIEW = { id: "t_3kTMd0WbqNn2xXQe", name: "orders", role: "signer" };

describe("what the service says of a token", () => {
  it("is how long it lasts, by the service's clock", () => {
    const view = { ...VIEW, expiresAt: NOW + 100, successor: null, overlapUntil: null };
    expect(knownFrom(view, null, SINCE)).toEqual({
      id: VIEW.id,
      lastsSeconds: 100,
      succeeded: false,
      since: SINCE,
    });
    expect(knownFrom(view, NOW + 70, SINCE)?.lastsSeconds).toBe(30);
    expect(knownFrom(view, NOW - 86_400, SINCE)?.lastsSeconds).toBe(86_500);
    expect(knownFrom(view, NOW + 101, SINCE)?.lastsSeconds).toBe(0);
  });

  it("is never ending where it is so", () => {
    expect(knownFrom({ ...VIEW, expiresAt: null }, NOW, SINCE)).toMatchObject({ lastsSeconds: null });
  });

  it("ends with the overlap where that comes first", () => {
    const view = { ...VIEW, expiresAt: NOW + 100, successor: "t_other", overlapUntil: NOW + 60 };
    expect(knownFrom(view, NOW, SINCE)).toMatchObject({ lastsSeconds: 60, succeeded: true });
    expect(knownFrom({ ...view, expiresAt: NOW + 50 }, NOW, SINCE)).toMatchObject({ lastsSeconds: 50 });
    expect(knownFrom({ ...view, expiresAt: null }, NOW, SINCE)).toMatchObject({ lastsSeconds: 60 });
  });

  it.each([
    undefined,
    null,
    "text",
    [],
    {},
    { ...VIEW },
    { ...VIEW, expiresAt: "soon" },
    { expiresAt: null },
    { id: "../../ring", expiresAt: null },
    { id: "x".repeat(65), expiresAt: null },
    { ...VIEW, expiresAt: null, overlapUntil: "later" },
  ])("counts for nothing where it is no such answer: %j", (body) => {
    expect(knownFrom(body, NOW, SINCE)).toBeNull();
  });
});

describe("the successor is due", () => {
  const known = (lastsSeconds: number | null, succeeded = false): Known => ({
    id: VIEW.id,
    lastsSeconds,
    succeeded,
    since: SINCE,
  });

  it("so long before the end as was asked for", () => {
    expect(leadSecondsOf(3600, 600, 0)).toBe(600);
    expect(renewAfterSeconds(known(3600), 600)).toBe(3000);
  });

  it("at half of a life that is shorter than twice that", () => {
    expect(leadSecondsOf(60, 600, 0)).toBe(30);
    expect(renewAfterSeconds(known(60), 30)).toBe(30);
  });

  it("up to a tenth of that earlier, so that a fleet does not come at once", () => {
    expect(leadSecondsOf(3600, 600, 0.5)).toBe(630);
    expect(leadSecondsOf(3600, 600, 1)).toBe(660);
  });

  it("at once where it has been made, or it is late", () => {
    expect(renewAfterSeconds(known(3600, true), 600)).toBe(0);
    expect(renewAfterSeconds(known(null, true), 600)).toBe(0);
    expect(renewAfterSeconds(known(100), 600)).toBe(0);
  });

  it("never, for a token without an end", () => {
    expect(renewAfterSeconds(known(null), 600)).toBeNull();
  });

  it("by whichever clock says that more time has passed", () => {
    expect(secondsLeft(known(100), { now: NOW + 10, monotonic: 5000 })).toBe(90);
    expect(secondsLeft(known(100), { now: NOW - 10, monotonic: 5030 })).toBe(70);
    expect(secondsLeft(known(100), { now: NOW + 500, monotonic: 5030 })).toBe(0);
    expect(secondsLeft(known(null), { now: NOW + 500, monotonic: 5030 })).toBeNull();
  });
});

it.each([
  ["keyturn_V3ryS3cret-._~+/==", "keyturn_V3ryS3cret-._~+/=="],
  [" \tkeyturn_abc\r\n", "keyturn_abc"],
  ["", null],
  ["two words", null],
  ["line\nbreak", null],
  ["=equals", null],
  ["ümlaut", null],
  ["x".repeat(1024), "x".repeat(1024)],
  ["x".repeat(1025), null],
  [7, null],
  [undefined, null],
])("takes %j for the API token %j", (text, token) => {
  expect(apiTokenFrom(text)).toBe(token);
});
