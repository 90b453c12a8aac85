import { describe, expect, it } from "vitest";
import { backoffSeconds, receiverOf } from "../../../src/node/audit/delivery.ts";

describe("the wait after a failure", () => {
  it("is anything from nothing to a bound that doubles up to a minute", () => {
    expect([1, 2, 3, 7, 50].map((failed) => backoffSeconds(failed, 0.999_999))).toEqual(
      [1, 2, 4, 60, 60].map((bound) => expect.closeTo(bound, 3)),
    );
    expect(backoffSeconds(50, 0)).toBe(0);
  });
});

describe("where records may be sent", () => {
  it("is https anywhere, or http on this machine", () => {
    for (const url of [
      "https://audit.example.com/in",
      "http://127.0.0.1:9/x",
      "http://[::1]:9/",
      "http://localhost/",
    ])
      expect(receiverOf(url, null).url.href).toBe(url);
    for (const url of [
      "http://audit.example.com/in",
      "https://user:secret-word@audit.example.com/",
      "https://audit.example.com/#x",
      "ftp://audit.example.com/",
      "audit.example.com",
      "",
    ]) {
      const refusal = catching(() => receiverOf(url, null));
      expect(refusal).toMatchObject({ code: "config_invalid", problems: [{ at: "auditUrl" }] });
      expect(String(refusal)).not.toContain("secret-word");
    }
  });

  it("takes no bearer that would not fit into a header, and does not repeat it", () => {
    const refusal = catching(() => receiverOf("https://audit.example.com/", "secret word\r\nX: y"));
    expect(refusal).toMatchObject({ code: "config_invalid", problems: [{ at: "auditTokenFile" }] });
    expect(JSON.stringify(refusal) + String(refusal)).not.toContain("secret word");
  });
});

function catching(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
