import { describe, expect, it } from "vitest";
import { parseTokenOrder, type TokenOrder } from "../../src/api-tokens/order.ts";
import { isKeyturnError } from "../../src/errors.ts";

const good: TokenOrder = { name: "orders", role: "signer" };

/** Where an order is wrong; empty where it is not. */
function wrongIn(order: unknown): string[] {
  try {
    parseTokenOrder(order as TokenOrder);
    return [];
  } catch (error) {
    if (!isKeyturnError(error, "api_token_order_invalid")) throw error;
    return error.problems.map(({ at }) => at);
  }
}

describe("an order for an API token", () => {
  it("is for 90 days and without bounds unless it says otherwise", () => {
    expect(parseTokenOrder(good)).toEqual({ ...good, scope: null, expiresInSeconds: 90 * 24 * 3600 });
    expect(parseTokenOrder({ ...good, expiresInSeconds: null }).expiresInSeconds).toBeNull();
  });

  it.each<[string, unknown, string[]]>([
    ["no name", { ...good, name: undefined }, ["name"]],
    ["an empty name", { ...good, name: "" }, ["name"]],
    ["a name of 101 characters", { ...good, name: "x".repeat(101) }, ["name"]],
    ["a line feed in its name", { ...good, name: "a\nlevel=error" }, ["name"]],
    ["an escape in its name", { ...good, name: "\u001b[31mred" }, ["name"]],
    ["a change of direction in its name", { ...good, name: "a\u202eb" }, ["name"]],
    ["half a surrogate pair in its name", { ...good, name: "\ud800" }, ["name"]],
    ["space around its name", { ...good, name: " a" }, ["name"]],
    ["another role", { ...good, role: "admin" }, ["role"]],
    ["a role that every object has", { ...good, role: "constructor" }, ["role"]],
    ["a lifetime below a minute", { ...good, expiresInSeconds: 59 }, ["expiresInSeconds"]],
    ["a lifetime above ten years", { ...good, expiresInSeconds: 315_360_001 }, ["expiresInSeconds"]],
    ["a lifetime that is no whole number", { ...good, expiresInSeconds: 60.5 }, ["expiresInSeconds"]],
    ["a lifetime that is a text", { ...good, expiresInSeconds: "60" }, ["expiresInSeconds"]],
    ["a scope that bounds nothing", { ...good, scope: { audiences: null, claims: null } }, ["scope"]],
    [
      "a scope, and no signer",
      { ...good, role: "operator", scope: { audiences: ["a"], claims: null } },
      ["scope"],
    ],
    [
      "a claim that a validator would lose",
      { ...good, scope: JSON.parse('{"audiences":["a"],"claims":{"tenant":"acme","__proto__":"x"}}') },
      ["scope/claims"],
    ],
    ["a member that is not known", { ...good, id: "t_mine" }, ["id"]],
    ["several at once", { name: "", role: "x", expiresInSeconds: 1 }, ["name", "role", "expiresInSeconds"]],
  ])("is refused with %s", (_, order, at) => {
    expect(wrongIn(order)).toEqual(at);
  });

  it("is refused without a word of what it held", () => {
    try {
      parseTokenOrder({ name: "hunter2\n", role: "hunter2" as "signer" });
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify([error, (error as Error).message])).not.toContain("hunter2");
    }
  });
});
