import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { ApiTokenView } from "../../src/api-tokens/api-token.ts";
import type { Revoked } from "../../src/api-tokens/api-tokens.ts";
import { isTokenText } from "../../src/api-tokens/token-text.ts";
import { openedTokens } from "../node/opened.ts";
import { configIn, newPlace, put } from "../node/place.ts";
import { keyturn, refused, result } from "./keyturn.ts";
import { turnedOver } from "./turned-over.ts";

let place: string;

beforeEach(async () => {
  place = await newPlace();
  await turnedOver(place);
});

const run = (...args: string[]) => keyturn(place, ["api-token", ...args]);
const list = async () => JSON.parse(await result(place, ["api-token", "list", "--json"])) as ApiTokenView[];
const refusal = (args: readonly string[], code = "usage", status = 2) =>
  refused(place, ["api-token", ...args], { status, code });

/** What the server would make of a token that is presented now. */
const authenticated = async (token: string) =>
  (await openedTokens(await configIn(place))).authenticate(token);

async function issued(...more: string[]): Promise<ApiTokenView & { token: string }> {
  const { status, stdout } = await run("issue", "--name", "orders", "--role", "signer", "--json", ...more);
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe("api-token issue", () => {
  it("prints the value and nothing else on stdout, and what it is on stderr", async () => {
    const { status, stdout, stderr } = await run("issue", "--name", "orders", "--role", "signer");
    const token = stdout.trim();
    expect({ status, lines: stdout.split("\n").length }).toEqual({ status: 0, lines: 2 });
    expect(await isTokenText(token)).toBe(true);
    expect(stderr).toMatch(
      /^keyturn: t_[\w-]{16} {2}valid .*signer .*expires .* UTC, never used {2}orders\n/,
    );
    expect(stderr).not.toContain(token);
    expect(await authenticated(token)).toMatchObject({ name: "orders", role: "signer", scope: null });
  });

  it("takes a scope and a lifetime", async () => {
    const scope = ["--audiences", "orders, billing", "--claims", '{"tenant":"acme"}'];
    const { token, expiresAt, createdAt } = await issued(...scope, "--expires-in-seconds", "3600");
    expect((expiresAt ?? 0) - createdAt).toBe(3600);
    expect(await authenticated(token)).toMatchObject({
      scope: { audiences: ["orders", "billing"], claims: { tenant: "acme" } },
    });
    expect((await issued("--expires-in-seconds", "never")).expiresAt).toBeNull();
  });

  it("writes the value to a new file of its owner alone instead", async () => {
    const file = join(place, "orders.token");
    const { status, stdout, stderr } = await run(
      "issue",
      "--name",
      "orders",
      "--role",
      "signer",
      "--out",
      file,
    );
    expect(status).toBe(0);
    const token = (await readFile(file, "utf8")).trim();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(stdout + stderr).not.toContain(token);
    expect(await authenticated(token)).not.toBeNull();
  });

  it("makes no token where its file is there already, and none that nobody has where it cannot be made", async () => {
    const file = join(place, "taken");
    await put(file, "mine");
    await refusal(["issue", "--name", "orders", "--role", "signer", "--out", file]);
    expect(await readFile(file, "utf8")).toBe("mine");
    expect(await readdir(join(place, ".keyturn"))).not.toContain("api-tokens");
    const nowhere = join(place, "no", "such", "folder");
    await refusal(
      ["issue", "--name", "orders", "--role", "signer", "--out", nowhere],
      "store_unavailable",
      5,
    );
    expect(await list()).toMatchObject([
      { phase: "revoked", revokedBecause: "its value could not be written down" },
    ]);
  });

  it("says what is missing or wrong", async () => {
    expect(await refusal(["issue", "--role", "signer"])).toContain("--name is missing");
    expect(await refusal(["issue", "--name", "x"])).toContain("signer, scheduler, operator, security");
    const order = ["issue", "--name", "x", "--role", "signer"];
    expect(await refusal([...order, "--claims", "[1]"])).toContain("--claims is not a JSON object");
    expect(await refusal([...order, "--expires-in-seconds", "1h"])).toContain("--expires-in-seconds");
    const said = await refusal(
      [...order.slice(0, -1), "admin", "--expires-in-seconds", "1"],
      "api_token_order_invalid",
    );
    expect(said).toMatch(/\n {2}role: .*\n {2}expiresInSeconds: /);
  });

  it("makes none without a ring", async () => {
    await refused(await newPlace(), ["api-token", "list"], { status: 1, code: "ring_missing" });
  });
});

describe("api-token list", () => {
  it("shows every token, never a value or its hash", async () => {
    const [one, two] = [await issued(), await issued()];
    const shown = await result(place, ["api-token", "list"]);
    expect(shown.trim().split("\n")).toHaveLength(2);
    for (const { id } of [one, two]) expect(shown).toContain(id);
    expect((await list()).map(({ id }) => id)).toEqual([one.id, two.id]);
    const all = shown + JSON.stringify(await list());
    for (const { token } of [one, two]) expect(all).not.toContain(token.slice(8, 30));
    expect(all).not.toContain("hash");
  });
});

describe("api-token rotate", () => {
  it("prints the successor, again the same within the overlap", async () => {
    const { id, token } = await issued();
    const first = await run("rotate", id, "--token-overlap-seconds", "300");
    expect(first).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/the one before is good until .* UTC/),
    });
    const again = await run("rotate", id);
    expect(again.stdout).toBe(first.stdout);
    expect(again.stderr).toContain("it had a successor already");
    for (const value of [token, first.stdout.trim()]) expect(await authenticated(value)).not.toBeNull();
    expect((await list()).map(({ phase }) => phase)).toEqual(["overlapping", "valid"]);
  });

  it("refuses an overlap that is none, and repeats nothing that may be a token", async () => {
    const { id, token } = await issued();
    await refusal(["rotate", id, "--token-overlap-seconds", "10"], "api_token_order_invalid");
    expect(await refusal(["rotate", token], "api_token_unknown", 1)).not.toContain(token);
  });
});

describe("api-token revoke", () => {
  it("ends a token, and names the others of its line", async () => {
    const { id, token } = await issued();
    const successor = (await run("rotate", id)).stdout.trim();
    const { status, stdout, stderr } = await run("revoke", id, "--reason", "leaked", "--yes");
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Revoked\./) });
    expect(stderr).toMatch(
      /^keyturn: t_[\w-]{16}, of the same line, is still good: with --line it goes too\n$/,
    );
    expect(await authenticated(token)).toBeNull();
    expect(await authenticated(successor)).not.toBeNull();
    const whole = await run("revoke", id, "--line", "--reason", "leaked", "--yes", "--json");
    expect(JSON.parse(whole.stdout) as Revoked).toEqual({ changed: true, stillGood: [] });
    expect(await authenticated(successor)).toBeNull();
  });

  it("asks for a reason, and for consent where nobody can be asked", async () => {
    const { id, token } = await issued();
    await refusal(["revoke", id, "--yes"]);
    await refusal(["revoke", id, "--reason", "leaked"]);
    expect(await authenticated(token)).not.toBeNull();
  });
});
