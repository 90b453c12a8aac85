/** What is taken out of what is heard: a value where it is told, that once, and nothing else. */
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { tokenText } from "../../src/api-tokens/token-text.ts";
import { scanner } from "./scanner.ts";
import { secretsOfText } from "./secrets.ts";
import { splitAnswer, splitText } from "./told-values.ts";

const VALUE = await tokenText(randomBytes(32));

function isHeard(rest: string): boolean {
  const search = scanner(secretsOfText(VALUE, "API token"));
  search.scan("an answer", rest);
  return search.leaks.length > 0;
}

function answer(body: object, headers: Record<string, string> = {}) {
  return { status: 201, headers: new Headers(headers), body: JSON.stringify(body) };
}

describe("the value of an API token", () => {
  it("is taken out of the answer that tells it", () => {
    const { value, rest } = splitAnswer("issueApiToken", answer({ token: VALUE, apiToken: { id: "t_a" } }));
    expect(value).toBe(VALUE);
    expect(isHeard(rest)).toBe(false);
    expect(rest).toContain("t_a");
  });

  it.each([
    [
      "a second time in the answer that tells it",
      "rotateApiToken",
      { token: VALUE, apiToken: { name: VALUE } },
    ],
    ["under another name", "issueApiToken", { value: VALUE }],
    ["in the answer to another operation", "listApiTokens", { token: VALUE }],
  ])("is heard %s", (_where, operation, body) => {
    expect(isHeard(splitAnswer(operation, answer(body)).rest)).toBe(true);
  });

  it("is heard in the answer to a repetition", () => {
    const { value, rest } = splitAnswer(
      "issueApiToken",
      answer({ token: VALUE }, { "Idempotency-Replayed": "true" }),
    );
    expect(value).toBeNull();
    expect(isHeard(rest)).toBe(true);
  });

  it("is taken out of what a command prints, once", () => {
    expect(splitText(`${VALUE}\n`)).toEqual({ value: VALUE, rest: "\n" });
    expect(isHeard(splitText(`${VALUE}\n${VALUE}\n`).rest)).toBe(true);
    expect(splitText("nothing of the kind")).toEqual({ value: null, rest: "nothing of the kind" });
  });
});
