/** A ring that goes from one KEK to the next. */
import { expect, it } from "vitest";
import type { KekSource } from "../../src/kek/source.ts";
import { createKeyManager } from "../../src/manager/manager.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { ISSUER, KEK, OTHER_KEK } from "../manager/fleet.ts";
import { onAws } from "../store/secrets-manager/bench.ts";
import { createByHand, kekIn, kmsKekOf, placeWith, putByHand } from "./keks.ts";

const bench = onAws();

/** A node that has its KEKs from there, on that store. */
async function nodeOn(store: ReturnType<typeof memoryStore>, source: KekSource) {
  const texts = await source.read();
  if (texts === null) throw new Error("There is no KEK.");
  const { kek, previousKek } = texts;
  const previous = previousKek === null ? {} : { previousKek };
  return createKeyManager({ store, kek, ...previous, issuer: ISSUER });
}

it("changes its KEK by a new value in the secret and a rewrap, after which the old one is not needed", async () => {
  const store = memoryStore();
  createByHand(bench, { SecretString: OTHER_KEK });
  const before = (await nodeOn(store, kekIn(bench))).jwks();

  putByHand(bench, { SecretString: KEK });
  const alone = createKeyManager({ store, kek: KEK, issuer: ISSUER });
  await expect(alone).rejects.toMatchObject({ code: "kek_mismatch" });
  const node = await nodeOn(store, kekIn(bench));
  expect(node.jwks()).toEqual(before);
  await node.rewrap();

  const after = await createKeyManager({ store, kek: KEK, issuer: ISSUER });
  expect(after.jwks().keys).toEqual(before.keys);
  await after.sign({ sub: "someone" });
});

it.each(["kms.", "kms.bm8gY2lwaGVydGV4dA"])(
  "is not stopped by a slip that was corrected (%s) where KMS wraps the KEK",
  async (slip) => {
    const { arn: keyId } = bench.aws.makeKey();
    createByHand(bench);
    const source = kmsKekOf(bench, { keyId, wrapped: kekIn(bench) });
    await source.create?.();
    const good = (await kekIn(bench).read())?.kek ?? "";
    const { kek } = (await source.read()) ?? { kek: "" };

    putByHand(bench, { SecretString: slip });
    putByHand(bench, { SecretString: good });
    expect(await source.read()).toEqual({ kek, previousKek: null });
    // What somebody has chosen is another matter.
    const wrapped = placeWith({ kek: good, previousKek: slip });
    await expect(kmsKekOf(bench, { keyId, wrapped }).read()).rejects.toMatchObject({ code: "kek_invalid" });
  },
);

it("changes a KEK that KMS has wrapped in the same way", async () => {
  const store = memoryStore();
  const { arn: keyId } = bench.aws.makeKey();
  const source = () => kmsKekOf(bench, { keyId, wrapped: kekIn(bench) });
  await source().create?.();
  const { keys } = (await nodeOn(store, source())).jwks();

  const wrapped = placeWith(null);
  await kmsKekOf(bench, { keyId, wrapped }).create?.();
  putByHand(bench, { SecretString: (await wrapped.read())?.kek ?? "" });
  await (await nodeOn(store, source())).rewrap();

  const { kek } = (await source().read()) ?? { kek: "" };
  expect((await createKeyManager({ store, kek, issuer: ISSUER })).jwks().keys).toEqual(keys);
});
