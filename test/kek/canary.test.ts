/** Whatever goes wrong, the KEK is in nothing that anybody is told. */
import { expect, it } from "vitest";
import { isKeyturnError } from "../../src/errors.ts";
import type { KekSource } from "../../src/kek/source.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { KeyturnEvent } from "../../src/telemetry/events.ts";
import type { Fault } from "../aws/service.ts";
import { ISSUER } from "../manager/fleet.ts";
import { onAws } from "../store/secrets-manager/bench.ts";
import { kekIn, kmsKekOf } from "./keks.ts";

const bench = onAws();

const FAULTS: readonly Fault[] = ["throttled", "internal", "unavailable", "lost_answer", "garbled"];
const OPERATIONS = ["GetSecretValue", "CreateSecret", "PutSecretValue", "Decrypt", "GenerateDataKey"];

/** Every spelling in which the bytes of a KEK could get out. */
function spellings(kek: string): string[] {
  const bytes = Buffer.from(kek, "base64url");
  return [kek, bytes.toString("base64"), bytes.toString("hex"), [...bytes].join(",")];
}

/** All that hangs on an error, deeply. */
function everythingIn(thrown: unknown): string {
  if (!isKeyturnError(thrown)) throw thrown;
  const { message, fix, stack, problems, cause } = thrown;
  return [message, fix, stack, JSON.stringify(problems), String(cause), JSON.stringify(cause)].join("\n");
}

async function heard(work: () => Promise<unknown> | undefined): Promise<string> {
  try {
    await work();
    return "";
  } catch (error) {
    return everythingIn(error);
  }
}

it("says no KEK in any error, event or description", async () => {
  const { arn: keyId } = bench.aws.makeKey();
  const open: Record<string, () => KekSource> = {
    clear: () => kekIn(bench),
    wrapped: () => kmsKekOf(bench, { keyId, wrapped: kekIn(bench) }),
  };
  const base = bench.secretId;
  for (const [name, source] of Object.entries(open)) {
    Object.assign(bench, { secretId: `${base}-${name}` });
    await source().create?.();
    const first = (await source().read())?.kek ?? "";
    const said: string[] = [source().description];

    for (const operation of OPERATIONS)
      for (const fault of FAULTS) {
        bench.aws.fault(operation, fault, { times: 1000 });
        said.push(await heard(() => source().read()), await heard(() => source().create?.()));
        bench.aws.clearFaults();
      }
    said.push(await heard(() => kmsKekOf(bench, { keyId, wrapped: placeOf(first) }).read()));

    const events: KeyturnEvent[] = [];
    const onEvent = (event: KeyturnEvent) => events.push(event);
    const node = await createKeyManager({ store: memoryStore(), kek: first, issuer: ISSUER, onEvent });
    await node.rewrap();
    said.push(JSON.stringify(events), JSON.stringify(node.status()));

    expect(first).toMatch(/^[\w-]{43}$/);
    expect(said.filter((text) => text !== "").length).toBeGreaterThan(10);
    for (const spelling of spellings(first)) expect(said.join("\n")).not.toContain(spelling);
  }
});

function placeOf(kek: string) {
  return { description: "a place", read: async () => ({ kek, previousKek: null }) };
}
