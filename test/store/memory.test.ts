import { describe, it } from "vitest";
import { memoryStore } from "../../src/store/memory.ts";
import { storeContract } from "../../src/testing/index.ts";

describe("memoryStore", () => {
  for (const { name, run } of storeContract) {
    it(name, async () => {
      const store = memoryStore();
      await run({ open: async () => store });
    });
  }
});
