import { describe, expect, it } from "vitest";
import { BREAKER_FAILURES, BREAKER_SECONDS, type Breaker, createBreaker } from "../../src/client/breaker.ts";

const TRIAL_SECONDS = 5;

/** Opened at `at`, by requests of a second each. */
function opened(at: number): Breaker {
  const breaker = createBreaker(TRIAL_SECONDS);
  for (let failure = BREAKER_FAILURES; failure > 0; failure--) {
    expect(breaker.state(at)).toBe("closed");
    expect(breaker.failed(at - failure, at - failure + 1)).toBe(failure === 1);
  }
  return breaker;
}

describe("a circuit breaker", () => {
  it("lets requests through while it is closed", () => {
    const breaker = createBreaker(TRIAL_SECONDS);
    expect([breaker.enter(0), breaker.enter(0), breaker.enter(1)]).toEqual([0, 0, 0]);
  });

  it("opens with the fifth failure in a row, for 30 s", () => {
    const breaker = opened(100);
    expect(breaker.enter(100)).toBe(BREAKER_SECONDS);
    expect(breaker.enter(129)).toBe(1);
    expect(breaker.state(129)).toBe("open");
  });

  it("counts from the start after an answer", () => {
    const breaker = createBreaker(TRIAL_SECONDS);
    for (let round = 0; round < 10; round++) {
      for (let failure = 1; failure < BREAKER_FAILURES; failure++)
        expect(breaker.failed(round * 10 + failure, round * 10 + failure)).toBe(false);
      expect(breaker.answered()).toBe(false);
    }
  });

  it("takes failures of requests that were under way together for one", () => {
    const breaker = createBreaker(TRIAL_SECONDS);
    for (let request = 0; request < 100; request++) expect(breaker.failed(0, 1 + request / 100)).toBe(false);
    expect(breaker.state(2)).toBe("closed");
  });

  it("lets one through after that, and no other until it has ended", () => {
    const breaker = opened(100);
    expect(breaker.state(130)).toBe("half-open");
    expect(breaker.enter(130)).toBe(0);
    expect(breaker.enter(131)).toBe(TRIAL_SECONDS - 1);
    expect(breaker.state(131)).toBe("half-open");
    expect(breaker.answered()).toBe(true);
    expect(breaker.enter(131)).toBe(0);
    expect(breaker.state(131)).toBe("closed");
  });

  it("opens again for 30 s when that one fails", () => {
    const breaker = opened(100);
    breaker.enter(130);
    expect(breaker.failed(130, 132)).toBe(true);
    expect(breaker.enter(132)).toBe(BREAKER_SECONDS);
    expect(breaker.enter(162)).toBe(0);
  });

  it("lets another find out when nobody heard of that one again", () => {
    const breaker = opened(100);
    expect(breaker.enter(130)).toBe(0);
    expect(breaker.enter(130 + TRIAL_SECONDS)).toBe(0);
  });

  it("is closed by a late answer of a request from before: the service is there", () => {
    const breaker = opened(100);
    expect(breaker.answered()).toBe(true);
    expect(breaker.enter(101)).toBe(0);
  });
});
