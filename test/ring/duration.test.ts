import { describe, expect, it } from "vitest";
import { formatDuration } from "../../src/ring/duration.ts";

describe("formatDuration", () => {
  it("writes durations as people do", () => {
    const written = {
      "0s": 0,
      "45s": 45,
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
