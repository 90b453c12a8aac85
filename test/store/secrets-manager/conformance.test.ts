import { describe, expect, it } from "vitest";
import { guardedStore } from "../../../src/store/guarded.ts";
import { watchedStore } from "../../../src/telemetry/store-watch.ts";
import { storeContract } from "../../../src/testing/index.ts";
import { manualClock } from "../../manager/manual-clock.ts";
import { onAws } from "./bench.ts";

const bench = onAws();

describe("a secret that is not there keeps the contract of every store:", () => {
  for (const { name, run } of storeContract) it(name, () => run({ open: async () => bench.open() }));
});

describe("a secret without a value, as Terraform leaves it, keeps it too:", () => {
  for (const { name, run } of storeContract) {
    it(name, async () => {
      bench.aws.arrange("CreateSecret", { Name: bench.secretId, ClientRequestToken: "t".repeat(32) });
      await run({ open: async () => bench.open() });
    });
  }
});

describe("a secret named by its ARN keeps it too:", () => {
  for (const { name, run } of storeContract) {
    it(name, async () => {
      bench.aws.arrange("CreateSecret", { Name: bench.secretId, ClientRequestToken: "t".repeat(32) });
      const secretId = bench.aws.secret(bench.secretId)?.arn ?? "";
      await run({ open: async () => bench.open({ secretId }) });
    });
  }
});

it("says how often it may be written in the long run, also through what stands before it", () => {
  const store = bench.open();
  expect(store.writesEverySeconds).toBe(900);
  expect(guardedStore(store, manualClock()).writesEverySeconds).toBe(900);
  expect(watchedStore(store, manualClock(), () => {}).writesEverySeconds).toBe(900);
});
