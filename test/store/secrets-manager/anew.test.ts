/** A secret that is deleted and made anew under its name, while nodes run that remember the old one. */
import { expect, it } from "vitest";
import { createApiTokens } from "../../../src/api-tokens/api-tokens.ts";
import { parseKek } from "../../../src/keys/kek.ts";
import { createKeyManager } from "../../../src/manager/manager.ts";
import { ISSUER, KEK } from "../../manager/fleet.ts";
import { manualClock } from "../../manager/manual-clock.ts";
import { onAws } from "./bench.ts";
import { outcomeOf } from "./outcomes.ts";

const bench = onAws();
const deleted = () =>
  bench.aws.arrange("DeleteSecret", { SecretId: bench.secretId, ForceDeleteWithoutRecovery: true });

it("is read anew", async () => {
  const running = bench.open();
  await running.replace("of the old secret", null);
  await running.load();
  deleted();
  await bench.open().replace("of the new secret", null);
  expect((await running.load())?.document).toBe("of the new secret");
});

it("is not overwritten by a commit on the old secret's first version", async () => {
  const running = bench.open();
  const base = await running.replace("of the old secret", null);
  deleted();
  await bench.open().replace("of the new secret", null);
  expect(await outcomeOf(running.replace("successor of the old one", base))).toBe("conflict");
  expect((await bench.open().load())?.document).toBe("of the new secret");
});

it("is refused by a node that knows the old ring, which never puts its own over it", async () => {
  const open = () => createKeyManager({ store: bench.open(), kek: KEK, issuer: ISSUER });
  const old = await open();
  deleted();
  const anew = await open();
  await expect(old.refresh()).rejects.toMatchObject({ code: "ring_rolled_back" });
  await expect(old.pause()).rejects.toMatchObject({ code: "ring_rolled_back" });
  expect((await open()).ring().id).toBe(anew.ring().id);
});

it("knows no API token of the old book, on no node past its lease", async () => {
  const keks = [await parseKek(KEK)] as const;
  const clock = manualClock();
  const open = () => createApiTokens({ store: bench.open(), ring: "ring", keks, clock, leaseSeconds: 60 });
  const order = { name: "deploy", role: "operator", expiresInSeconds: 86_400, by: "somebody" } as const;
  const running = await open();
  const { token } = await running.issue(order);
  deleted();
  const anew = await open();
  await anew.issue(order);
  expect(await anew.authenticate(token)).toBeNull();
  await expect(running.issue(order)).rejects.toMatchObject({ code: "api_tokens_rolled_back" });
  clock.advance(61);
  await expect(running.authenticate(token)).rejects.toMatchObject({ code: "api_tokens_rolled_back" });
});
