/** Every algorithm, by both implementations: what jose and node:crypto sign is verified, and nothing else. */
import { CompactSign, importPKCS8 } from "jose";
import { describe, expect, it } from "vitest";
import type { VerifyAlgorithm } from "../../src/verifier/algorithms.ts";
import { judgeJwk } from "../../src/verifier/jwk.ts";
import { tokenParser } from "../../src/verifier/parse.ts";
import * as onNode from "../../src/verifier/signature.node.ts";
import * as onWeb from "../../src/verifier/signature.web.ts";
import {
  assemble,
  CHECKS_AT_ONCE,
  MADE_ALGORITHMS,
  pemOf,
  type SampleKey,
  sampleClaims,
  sampleKey,
  sampleRsaKey,
  sign,
  signature,
  signingInput,
} from "./sample-issuer.ts";

const { parse } = tokenParser(100_000);

function keyFor(alg: VerifyAlgorithm, owner?: string): SampleKey {
  return alg.startsWith("RS") || alg.startsWith("PS")
    ? sampleRsaKey(alg, alg, owner)
    : sampleKey(alg, alg, owner);
}

function materialOf({ jwk, alg }: SampleKey) {
  const judged = judgeJwk(jwk, [alg]);
  if (typeof judged === "string") throw new Error(judged);
  return judged.jwk;
}

/** What each of the three ways to check says, which must be the same; elsewhere than on Node there is one. */
async function verdicts(key: SampleKey, token: string): Promise<boolean> {
  const parsed = parse(token);
  const web = await onWeb.importSignatureCheck(key.alg, materialOf(key));
  const all: unknown[] = [await web.check(parsed)];
  if (CHECKS_AT_ONCE) {
    const node = await onNode.importSignatureCheck(key.alg, materialOf(key));
    all.push(await node.check(parsed), node.checkSync?.(parsed));
  }
  expect(new Set(all).size).toBe(1);
  return all[0] as boolean;
}

describe.each(MADE_ALGORITHMS)("%s", (alg) => {
  const key = keyFor(alg);

  it("verifies what node:crypto signs, however long it is", async () => {
    for (const length of [0, 1, 2, 3, 1000, 30_000])
      expect(await verdicts(key, sign(key, {}, { x: "é".repeat(length) }))).toBe(true);
  });

  it("verifies what jose signs", async () => {
    const token = await new CompactSign(Buffer.from(JSON.stringify(sampleClaims())))
      .setProtectedHeader({ alg, kid: alg })
      .sign(await importPKCS8(pemOf(key.privateKey), alg));
    expect(await verdicts(key, token)).toBe(true);
  });

  it("refuses a signature of another key, of other words, of another algorithm", async () => {
    expect(await verdicts(key, sign(keyFor(alg, "stranger")))).toBe(false);
    const honest = sign(key).slice(sign(key).lastIndexOf("."));
    expect(await verdicts(key, signingInput(key, {}, { sub: "admin" }) + honest)).toBe(false);
    for (const other of MADE_ALGORITHMS.filter(
      (one) => /^[RP]S/.test(one) && /^[RP]S/.test(alg) && one !== alg,
    )) {
      const input = signingInput(key);
      expect(await verdicts(key, assemble(key, {}, {}, signature(key, input, other)))).toBe(false);
    }
  });

  it("refuses a signature of any other length, and none", async () => {
    const honest = signature(key, signingInput(key));
    for (const length of [0, 1, 63, 64, 65, honest.length - 1, honest.length + 1, 2 * honest.length, 8000]) {
      if (length === honest.length) continue;
      const bytes = Buffer.alloc(length);
      honest.copy(bytes);
      expect(await verdicts(key, assemble(key, {}, {}, bytes))).toBe(false);
    }
    expect(await verdicts(key, assemble(key, {}, {}, Buffer.alloc(honest.length)))).toBe(false);
  });

  it("refuses any one bit changed at either end, and in the middle", async () => {
    const honest = signature(key, signingInput(key));
    for (const at of [0, honest.length >> 1, honest.length - 1]) {
      const changed = Buffer.from(honest);
      changed[at] = (changed[at] as number) ^ 1;
      expect(await verdicts(key, assemble(key, {}, {}, changed))).toBe(false);
    }
  });
});

it("says on the web that it cannot check at once", async () => {
  const web = await onWeb.importSignatureCheck("ES256", materialOf(keyFor("ES256")));
  expect(web.checkSync).toBeNull();
});
