import { describe, expect, it } from "vitest";
import { firstId, successorId } from "../../../src/store/secrets-manager/tokens.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe("an id of a version", () => {
  it("is the same for everybody, and has the form of a UUID", async () => {
    // Nodes of two releases must come to the same one, so it is written down.
    expect(await successorId("arn:ring", "base", 0)).toBe("b693064c-e7e6-85bd-a9f2-9fe30e5f7690");
    expect(await firstId("ring", "text")).toBe("7d2ebc04-92e4-8e8d-8fd4-9bac34223f50");
    for (const id of [await successorId("arn:ring", null, 2), await firstId("ring", "text")])
      expect(id).toMatch(UUID);
  });

  it("is another for every secret, base and attempt, and for every text of a first version", async () => {
    const ids = await Promise.all([
      successorId("arn:ring", "base", 0),
      successorId("arn:ring", "base", 1),
      successorId("arn:ring", "other", 0),
      successorId("arn:ring", null, 0),
      successorId("arn:other", "base", 0),
      firstId("ring", "text"),
      firstId("ring", "another text"),
      firstId("arn:ring", "text"),
    ]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
