import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactDuration, formatDuration } from "../../src/ring/duration.ts";

describe("formatDuration", () => {
  it("writes durations as people do", () => {
    const written = {
      "0s": 0,
      "45s": 45,
      "1m": 60,
      "2m": 120,
      "1m30s": 90,
      "60m": 3600,
      "63m30s": 3810,
      "3h": 10_800,
      "5h10m": 18_600,
      "47h59m": 172_740,
      "2d": 172_800,
      "30d": 2_592_000,
      "29d23h": 2_588_400,
    };
    for (const [text, seconds] of Object.entries(written)) expect(formatDuration(seconds)).toBe(text);
  });

  it("says so when time has run out", () => {
    expect(formatDuration(-90)).toBe("-1m30s");
  });
});

describe("exactDuration", () => {
  it("leaves out nothing but zeros", () => {
    const written = {
      "45s": 45,
      "63m30s": 3810,
      "179m59s": 10_799,
      "4h10s": 14_410,
      "47h59m59s": 172_799,
      "2d": 172_800,
      "3d3m30s": 259_410,
      "30d1h1m1s": 2_595_661,
    };
    for (const [text, seconds] of Object.entries(written)) expect(exactDuration(seconds)).toBe(text);
  });

  it("is different for different durations", () => {
    const any = fc.integer({ min: 0, max: 4 * 86_400 });
    fc.assert(fc.property(any, any, (a, b) => a === b || exactDuration(a) !== exactDuration(b)));
  });
});
