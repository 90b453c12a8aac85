/** The command line on a ring in AWS Secrets Manager, each command a process of its own. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Status } from "../../src/manager/status.ts";
import { onAws, READ_ONLY } from "../node/on-aws.ts";
import { newPlace } from "../node/place.ts";
import { json, keyturn, refused, result } from "./keyturn.ts";

const world = onAws();

/** A machine of its own: an empty folder, and credentials. */
async function machine(name = "anybody", allowed?: readonly string[]) {
  const place = await newPlace();
  const env = { ...(await world.environment(world.aws.principal(name, allowed))), ...world.variables() };
  return {
    place,
    result: (...args: string[]) => result(place, args, { env }),
    json: <T>(...args: string[]) => json<T>(place, args, { env }),
    refused: (args: readonly string[], because: { status: number; code: string }) =>
      refused(place, args, because, { env }),
    run: (...args: string[]) => keyturn(place, args, { env }),
  };
}

describe("a ring in AWS Secrets Manager", { timeout: 60_000 }, () => {
  it("is made by init with all that is missing, and again with nothing", async () => {
    const { place, result, json } = await machine();
    const said = await result("init");
    expect(said).toMatch(
      new RegExp(
        `^Ring [\\w-]{22} is in AWS Secrets Manager secret ${world.name}/ring; [\\w-]{43} emits\\.\\n`,
      ),
    );
    expect(said).toContain(`Made AWS Secrets Manager secret ${world.name}/kek\n`);
    expect((await readdir(join(place, ".keyturn"))).sort()).toEqual([
      "api-token",
      "audit-notes.jsonl",
      "audit.jsonl",
    ]);
    for (const name of ["ring", "ring-api-token-book", "kek"])
      expect(world.aws.secret(`${world.name}/${name}`)?.labels["AWSCURRENT"], name).toBeDefined();
    expect(await json("init")).toMatchObject({ secretId: `${world.name}/ring`, made: [] });
  });

  it("is found by another machine, which has the same commands", async () => {
    const [one, two] = [await machine(), await machine()];
    await one.result("init");
    const { emitter, ring } = await two.json<Status>("status");
    expect(await two.json("rotate")).toMatchObject({ changed: true, generation: 2 });
    expect(await two.json("sign", "--sub", "a", "--aud", "b")).toMatchObject({ kid: emitter });
    expect((await two.run("api-token", "issue", "--name", "orders", "--role", "signer")).status).toBe(0);
    expect(await one.json("api-token", "list")).toMatchObject([{ name: "first" }, { name: "orders" }]);
    await two.run("revoke", emitter, "--reason", "leaked", "--yes");
    expect(await one.json("status")).toMatchObject({ ring, generation: 3, revoked: [{ kid: emitter }] });
    expect(await one.json("rewrap")).toMatchObject({ changed: false });
    expect(await one.result("audit", "verify")).toContain("3");
  });

  it("is not there where nobody made it, and the first look makes nothing", async () => {
    const { refused } = await machine();
    const told = await refused(["status"], { status: 1, code: "ring_missing" });
    expect(told).toContain(`${world.name}/ring`);
    expect(world.aws.secret(`${world.name}/ring`)).toBeNull();
  });

  it("refuses a policy that turns over too fast for it, with the sum; an operator may know better", async () => {
    const { refused, json } = await machine();
    const fast = ["--rotate-every-seconds", "3000"];
    const told = await refused(["init", ...fast], { status: 2, code: "policy_invalid" });
    expect(told).toContain("50m < 60m = 4 commits of a turnover × 15m");
    expect(world.aws.secret(`${world.name}/ring`)).toBeNull();
    await json("init");
    await refused(["policy", "--apply", ...fast], { status: 2, code: "policy_invalid" });
    const borne = [...fast, "--writes-every-seconds", "0"];
    expect(await json("policy", "--apply", ...borne)).toMatchObject({ changed: true });
  });

  it("is read by who may only read, and is told what is lacking to write", async () => {
    await (await machine()).result("init");
    const reader = await machine("reader", READ_ONLY);
    const { emitter } = await reader.json<Status>("status");
    expect(await reader.json("sign", "--sub", "a")).toMatchObject({ kid: emitter });
    const told = await reader.refused(["rotate"], { status: 5, code: "store_permission" });
    expect(told).toContain("secretsmanager:PutSecretValue");
  });

  it("is examined by the doctor, by its short name too", async () => {
    const { run, result } = await machine();
    await result("init");
    const { stdout, stderr, status } = await run("doctor", "--jwks-url", "http://127.0.0.1:9/");
    expect(status).toBe(1);
    expect(stderr).toContain("Not as it must be: jwks-url.");
    expect(stdout).toMatch(/^ok {4}put-secret-value {5}PutSecretValue is allowed\.$/m);
    expect(stdout).not.toContain("file-system");
  });
});
