/** What another node left half done, found by a program that opens the ring with the store alone. */
import { expect, it } from "vitest";
import { createApiTokens } from "../../../src/api-tokens/api-tokens.ts";
import { parseKek } from "../../../src/keys/kek.ts";
import { createKeyManager } from "../../../src/manager/manager.ts";
import { ISSUER, KEK, OTHER_KEK } from "../../manager/fleet.ts";
import { onAws } from "./bench.ts";
import { plant } from "./planted.ts";

const bench = onAws();
const openRing = (kek = KEK, more = {}) =>
  createKeyManager({ store: bench.open(), kek, issuer: ISSUER, ...more });

it("never becomes the ring if its MAC is wrong", async () => {
  const keys = await openRing();
  const document = JSON.parse((await bench.open().load())?.document ?? "");
  document.ring.generation += 1;
  await plant(bench, JSON.stringify(document));
  expect(await keys.pause({ actor: "me" })).toMatchObject({ changed: true, generation: 2 });
  expect((await openRing()).ring().auditTail.at(-1)?.actor).toBe("me");
});

it("never becomes the ring again where a person went back from a KEK that is lost", async () => {
  await openRing();
  const before = bench.aws.secret(bench.secretId)?.labels["AWSCURRENT"];
  await (await openRing(OTHER_KEK, { previousKek: KEK })).rewrap();
  const after = bench.aws.secret(bench.secretId)?.labels["AWSCURRENT"];
  expect(after).not.toBe(before);
  bench.aws.arrange("UpdateSecretVersionStage", {
    SecretId: bench.secretId,
    VersionStage: "AWSCURRENT",
    MoveToVersionId: before,
    RemoveFromVersionId: after,
  });
  expect(await (await openRing()).pause()).toMatchObject({ changed: true, generation: 2 });
  expect((await openRing()).ring().pausedAt).not.toBeNull();
});

it("never becomes the book of API tokens if its MAC is wrong, and does if it is authentic", async () => {
  const keks = [await parseKek(KEK)] as const;
  const order = { name: "deploy", role: "operator", expiresInSeconds: 86_400, by: "somebody" } as const;
  const open = () => createApiTokens({ store: bench.open(), ring: "ring", keks });
  const tokens = await open();
  await tokens.issue(order);
  const document = JSON.parse((await bench.open().load())?.document ?? "");
  document.book.generation += 1;
  await plant(bench, JSON.stringify(document));
  await tokens.issue(order);
  expect((await open()).list()).toHaveLength(2);

  bench.aws.fault("UpdateSecretVersionStage", "throttled", { times: 1000 });
  await expect(tokens.issue({ ...order, name: "half done" })).rejects.toMatchObject({
    code: "commit_unknown",
  });
  bench.aws.clearFaults();
  await (await open()).issue(order);
  expect((await open()).list().map(({ name }) => name)).toContain("half done");
});
