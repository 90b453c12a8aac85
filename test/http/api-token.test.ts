import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { apiTokenCheck, authenticator, soleCaller } from "../../src/http/api-token.ts";
import { open } from "../api-tokens/opened.ts";
import { givenToken } from "./given-token.ts";

describe("an API token", () => {
  it("is accepted as it is made, a hundred times over, and opens for itself alone", async () => {
    const tokens = Array.from({ length: 100 }, givenToken);
    const checks = await Promise.all(tokens.map(apiTokenCheck));
    const [own, next] = [checks[0], tokens[1]];
    expect(await Promise.all(tokens.map((token, i) => checks[i]?.(token)))).toEqual(tokens.map(() => true));
    expect(await own?.(next as string)).toBe(false);
  });

  it("may be 32 random bytes in hex, base64 or base64url, however the digits fall", async () => {
    for (let time = 0; time < 300; time++) {
      for (const encoding of ["hex", "base64", "base64url"] as const) {
        const token = randomBytes(32).toString(encoding);
        expect(await (await apiTokenCheck(token))(token), token).toBe(true);
      }
    }
  });

  it("may have white space around it in its file, which is no part of it", async () => {
    const token = givenToken();
    const check = await apiTokenCheck(`  ${token}\r\n`);
    expect(await check(token)).toBe(true);
  });

  const almost = givenToken();
  for (const [what, presented] of [
    ["nothing", ""],
    ["all but its last character", almost.slice(0, -1)],
    ["one character more", `${almost}A`],
    ["another case", almost.toUpperCase()],
    ["its second half", almost.slice(20)],
    ["white space after it", `${almost} `],
  ] as const) {
    it(`is not matched by ${what}`, async () => {
      expect(await (await apiTokenCheck(almost))(presented)).toBe(false);
    });
  }
});

describe("a token that could be guessed", () => {
  const refused: readonly [string, string][] = [
    ["is empty", ""],
    ["is one word", "changeme-changeme"],
    ["is shorter than 256 bits", randomBytes(31).toString("base64url")],
    ["repeats one character", "x".repeat(64)],
    ["repeats a short text", "hunter2-".repeat(8)],
    ["counts", "0123456789".repeat(6)],
    [
      "has a space within",
      `${randomBytes(32).toString("base64url")} ${randomBytes(8).toString("base64url")}`,
    ],
    ["has characters that no header takes", `${randomBytes(32).toString("base64url")}é`],
    ["has a line feed within", `${randomBytes(32).toString("base64url")}\nX-Injected: 1`],
  ];
  for (const [what, token] of refused) {
    it(`is refused, and not repeated, when it ${what}`, async () => {
      const refusal: Error = await apiTokenCheck(token).then(
        () => new Error("accepted"),
        (error: Error) => error,
      );
      expect(refusal).toMatchObject({
        code: "api_token_invalid",
        fix: expect.stringContaining("keyturn api-token issue"),
      });
      if (token !== "") expect(JSON.stringify([refusal, refusal.message])).not.toContain(token);
    });
  }
});

describe("whoever presents the one token", () => {
  it("is a signer, unless another role is named", async () => {
    const token = givenToken();
    const check = await apiTokenCheck(token);
    const signer = { id: "api-token", name: "api-token", role: "signer", scope: null };
    expect(await soleCaller(check)(token)).toEqual(signer);
    expect(await soleCaller(check, "signer")(token)).toEqual(signer);
    expect(await soleCaller(check, "security")(token)).toEqual({
      id: "admin-token",
      name: "admin-token",
      role: "security",
      scope: null,
    });
    expect(await soleCaller(check, "security")(givenToken())).toBeNull();
  });
});

describe("callers of the book and of given tokens", () => {
  const issued = { name: "orders", role: "operator", by: "cli:tester" } as const;

  it("are known side by side, each for what it is", async () => {
    const { tokens } = await open();
    const { token } = await tokens.issue(issued);
    const [apiToken, adminToken] = [givenToken(), givenToken()];
    const authenticate = await authenticator(tokens, { apiToken, adminToken });
    expect(await authenticate(token)).toMatchObject({ name: "orders", role: "operator" });
    expect(await authenticate(apiToken)).toMatchObject({ id: "api-token", role: "signer" });
    expect(await authenticate(adminToken)).toMatchObject({ id: "admin-token", role: "security" });
    expect(await authenticate(givenToken())).toBeNull();
  });

  it("are the book's alone where nothing was given", async () => {
    const { tokens } = await open();
    expect(await authenticator(tokens, { apiToken: null })).toBe(tokens.authenticate);
    expect(await authenticator(tokens, { apiToken: null, adminToken: null })).toBe(tokens.authenticate);
  });

  it("include the one who may administer where nobody else was given", async () => {
    const { tokens } = await open();
    const adminToken = givenToken();
    const authenticate = await authenticator(tokens, { apiToken: null, adminToken });
    expect(await authenticate(adminToken)).toMatchObject({ role: "security" });
  });

  it("are judged by the book where keyturn issued what was given, so that a revocation counts", async () => {
    const { tokens } = await open();
    const { token, view } = await tokens.issue(issued);
    const authenticate = await authenticator(tokens, { apiToken: token, adminToken: token });
    expect(await authenticate(token)).toMatchObject({ id: view.id, role: "operator" });
    await tokens.revoke(view.id, { reason: "leaked", by: "cli:tester" });
    expect(await authenticate(token)).toBeNull();
  });

  it("get no more from a token that is given as both than from a signer's", async () => {
    const { tokens } = await open();
    const token = givenToken();
    const authenticate = await authenticator(tokens, { apiToken: token, adminToken: token });
    expect(await authenticate(token)).toMatchObject({ role: "signer" });
  });

  it("are not let in by a token that could be guessed, whichever it is", async () => {
    const { tokens } = await open();
    const guessable = { code: "api_token_invalid" };
    await expect(authenticator(tokens, { apiToken: "changeme" })).rejects.toMatchObject(guessable);
    const given = { apiToken: givenToken(), adminToken: "changeme" };
    await expect(authenticator(tokens, given)).rejects.toMatchObject(guessable);
  });
});
