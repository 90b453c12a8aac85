import { describe, expect, it } from "vitest";
import { CLIENT_DEFAULTS, completeOptions } from "../../src/client/config.ts";
import { type ClientOptions, createClient } from "../../src/client/index.ts";
import { systemTimer } from "../../src/client/timer.ts";
import { systemClock } from "../../src/clock.ts";
import { KeyturnError } from "../../src/errors.ts";

const GOOD = { url: "https://auth.example.com", apiToken: "keyturn_V3ryS3cretApiToken" };

/** Where the problems are. */
function wrongIn(options: unknown): string[] {
  try {
    completeOptions(options as ClientOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(KeyturnError);
    expect((error as KeyturnError).code).toBe("config_invalid");
    expect((error as KeyturnError).message).not.toContain("S3cret");
    return (error as KeyturnError).problems.map(({ at }) => at);
  }
  return [];
}

it("needs a URL and an API token, and has reasons for the rest", () => {
  expect(completeOptions(GOOD)).toMatchObject({
    ...CLIENT_DEFAULTS,
    ...GOOD,
    tokenStore: null,
    fetch: null,
    clock: systemClock,
    timer: systemTimer,
  });
});

it("names everything that is wrong at once", () => {
  const timer = { after: () => () => undefined };
  expect(
    wrongIn({
      url: "ftp://x",
      apiToken: "two words",
      prefetchSeconds: 0,
      requestsMax: 1.5,
      timer,
      retries: 3,
    }),
  ).toEqual(["retries", "prefetchSeconds", "requestsMax", "timer", "url", "apiToken"]);
  expect(wrongIn(undefined)).toEqual(["url", "apiToken"]);
  expect(() => createClient({} as ClientOptions)).toThrow(/cannot be used/);
});

describe("the URL", () => {
  it.each([
    ["https://auth.example.com", "https://auth.example.com"],
    ["https://auth.example.com/", "https://auth.example.com"],
    ["https://auth.example.com/keys//", "https://auth.example.com/keys"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["http://[::1]:8080/", "http://[::1]:8080"],
    ["http://localhost", "http://localhost"],
  ])("%s is good", (url, base) => {
    expect(completeOptions({ ...GOOD, url }).url).toBe(base);
    expect(completeOptions({ ...GOOD, url: new URL(url) }).url).toBe(base);
  });

  it.each([
    "http://auth.example.com",
    "http://10.0.0.1",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "https://user:S3cret@auth.example.com",
    "https://auth.example.com?token=S3cret",
    "https://auth.example.com#S3cret",
    "ws://localhost",
    "/v1",
    "",
    null,
    {},
  ])("%s would take the API token where others can read it, or nowhere", (url) => {
    expect(wrongIn({ ...GOOD, url })).toEqual(["url"]);
  });
});

it.each([
  ["prefetchSeconds", -1],
  ["requestSeconds", Number.POSITIVE_INFINITY],
  ["patienceSeconds", "10"],
  ["requestsMax", 0],
  ["fetch", "fetch"],
  ["clock", { now: () => 0 }],
  ["random", 0.5],
  ["onEvent", {}],
  ["tokenStore", { load: async () => null }],
])("%s cannot be %j", (name, value) => {
  expect(wrongIn({ ...GOOD, [name]: value })).toEqual([name]);
});

it("takes any number of requests at once where that is asked for", () => {
  expect(completeOptions({ ...GOOD, requestsMax: Number.POSITIVE_INFINITY }).requestsMax).toBe(
    Number.POSITIVE_INFINITY,
  );
});

it("survives an observer that throws", () => {
  const { onEvent } = completeOptions({
    ...GOOD,
    onEvent: () => {
      throw new Error("No disk for the log.");
    },
  });
  expect(() => onEvent({ type: "breaker_closed" })).not.toThrow();
});
