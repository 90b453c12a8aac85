import { describe, expect, it } from "vitest";
import type { Stored } from "../../../src/store/store.ts";
import type { Fault } from "../../aws/service.ts";
import { onAws } from "./bench.ts";
import { aftermath, outcomeOf } from "./outcomes.ts";

const bench = onAws();
const FOR_EVER = { times: 1000 };
const CALL_SECONDS = 0.15;

/** A clock by which no call has longer, so that nobody waits for what never comes. */
function hasty() {
  let readings = 0;
  return { monotonic: () => (readings++ === 0 ? 0 : 9 - CALL_SECONDS) };
}

const FAULTS: readonly Fault[] = [
  "throttled",
  "internal",
  "internal_after",
  "unavailable",
  "lost_answer",
  "lost_request",
  "arrives_late",
  "garbled",
  "hangs",
  { delayMilliseconds: 1000 * CALL_SECONDS + 100 },
];
const isLate = (fault: Fault) => fault === "hangs" || typeof fault === "object";
const named = (fault: Fault) => (typeof fault === "string" ? fault : Object.keys(fault)[0]);

/** Every call of a commit, in its order, by what was there before. */
const COMMITS = [
  {
    name: "a commit",
    before: "a ring",
    calls: ["DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage"],
  },
  { name: "a first commit", before: "nothing", calls: ["DescribeSecret", "CreateSecret"] },
  {
    name: "a first commit on a secret without a value",
    before: "no value",
    calls: ["DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage"],
  },
] as const;

describe.each(COMMITS)("$name", ({ before, calls }) => {
  async function arranged(): Promise<Stored | null> {
    if (before === "no value")
      bench.aws.arrange("CreateSecret", { Name: bench.secretId, ClientRequestToken: "t".repeat(32) });
    if (before !== "a ring") return null;
    await bench.open().replace("the ring", null);
    return bench.open().load();
  }

  for (const operation of calls) {
    for (const fault of FAULTS) {
      it(`gets over one ${operation} that is ${named(fault)}`, async () => {
        const base = await arranged();
        const store = bench.open(isLate(fault) ? { clock: hasty() } : {});
        bench.aws.fault(operation, fault);
        const told = await outcomeOf(store.replace("ours", base?.revision ?? null));
        expect(told).toBe("committed");
        expect(await aftermath(bench, told, { base, next: "ours" })).toEqual([]);
      });

      it(`tells no lies when every ${operation} is ${named(fault)}`, async () => {
        const base = await arranged();
        const store = bench.open(isLate(fault) ? { clock: hasty() } : {});
        bench.aws.fault(operation, fault, FOR_EVER);
        const told = await outcomeOf(store.replace("ours", base?.revision ?? null));
        expect(["committed", "commit_unknown", "store_unavailable"]).toContain(told);
        expect(await aftermath(bench, told, { base, next: "ours" })).toEqual([]);
      });
    }
  }

  it.each(["lost_answer", "lost_request", "arrives_late"] as const)(
    "tells no lies when after its first look every call is %s",
    async (fault) => {
      const base = await arranged();
      const store = bench.open();
      bench.aws.fault("*", fault, { after: 1, times: 1000 });
      const told = await outcomeOf(store.replace("ours", base?.revision ?? null));
      expect(told).toBe("commit_unknown");
      expect(await aftermath(bench, told, { base, next: "ours" })).toEqual([]);
    },
  );
});

describe("second tries", () => {
  it("run out in an outage, so that a fleet does not ask several times for everything, and come back after it", async () => {
    const store = bench.open();
    await bench.open().replace("ring", null);
    const asked = async (loads: number) => {
      bench.forget();
      for (let load = 0; load < loads; load++) await outcomeOf(store.replace("ring", "of another time"));
      return bench.asked().length;
    };
    bench.aws.fault("DescribeSecret", "throttled", FOR_EVER);
    expect(await asked(20)).toBe(20 + 10);
    expect(await asked(20)).toBe(20);
    bench.aws.clearFaults();
    expect(await asked(20)).toBe(20);
    bench.aws.fault("DescribeSecret", "throttled", FOR_EVER);
    expect(await asked(20)).toBe(20 + 2);
  });

  it("are this store's alone: the SDK makes each request once", async () => {
    const base = await bench.open().replace("the ring", null);
    bench.forget();
    bench.aws.fault("PutSecretValue", "internal");
    await bench.open().replace("ours", base);
    expect(bench.asked()).toEqual([
      "DescribeSecret",
      "PutSecretValue",
      "PutSecretValue",
      "UpdateSecretVersionStage",
    ]);
  });
});

describe("what follows from an error", () => {
  it.each(["throttled", "lost_request"] as const)("is definite when the first look is %s", async (fault) => {
    bench.aws.fault("DescribeSecret", fault, FOR_EVER);
    expect(await outcomeOf(bench.open().replace("ours", null))).toBe("store_unavailable");
  });

  it.each([
    ["PutSecretValue", "throttled", "store_unavailable"],
    ["PutSecretValue", "lost_request", "commit_unknown"],
    ["PutSecretValue", "lost_answer", "committed"],
    ["UpdateSecretVersionStage", "throttled", "commit_unknown"],
    ["UpdateSecretVersionStage", "lost_request", "commit_unknown"],
    ["UpdateSecretVersionStage", "lost_answer", "committed"],
  ] as const)("when every %s is %s, is %s", async (operation, fault, told) => {
    const base = await bench.open().replace("the ring", null);
    bench.aws.fault(operation, fault, FOR_EVER);
    expect(await outcomeOf(bench.open().replace("ours", base))).toBe(told);
  });
});
