import { describe, expect, it } from "vitest";
import { assertWithin, type Scope, scopeSchema } from "../../src/api-tokens/scope.ts";
import { isKeyturnError } from "../../src/errors.ts";

const audiences = (...names: string[]): Scope => ({ audiences: names, claims: null });
const claims = (values: NonNullable<Scope["claims"]>): Scope => ({ audiences: null, claims: values });

/** Where the claims are outside of the scope; empty where they are within. */
function outside(scope: Scope | null, asked: Record<string, unknown>): string[] {
  try {
    assertWithin(scope, asked);
    return [];
  } catch (error) {
    if (!isKeyturnError(error, "scope_exceeded")) throw error;
    return error.problems.map(({ at }) => at);
  }
}

describe("a token without a scope", () => {
  it("is good for any claims", () => {
    expect(outside(null, {})).toEqual([]);
    expect(outside(null, { aud: "anything", role: "admin" })).toEqual([]);
  });
});

describe("audiences", () => {
  const scope = audiences("orders", "billing");
  it.each<[string, unknown]>([
    ["one of them", "orders"],
    ["a list of one", ["billing"]],
    ["a list of all", ["billing", "orders"]],
  ])("allow %s", (_, aud) => {
    expect(outside(scope, { aud })).toEqual([]);
  });
  it.each<[string, Record<string, unknown>]>([
    ["none", {}],
    ["another", { aud: "ledger" }],
    ["one of them beside another", { aud: ["orders", "ledger"] }],
    ["an empty list", { aud: [] }],
    ["another case", { aud: "Orders" }],
    ["a beginning of one", { aud: "order" }],
    ["white space around one", { aud: " orders" }],
    ["a list in a list", { aud: [["orders"]] }],
    ["what is no text", { aud: { toString: () => "orders" } }],
    ["null", { aud: null }],
    ["one that is only inherited", Object.create({ aud: "orders" })],
  ])("refuse %s", (_, asked) => {
    expect(outside(scope, asked)).toEqual(["claims/aud"]);
  });
});

describe("claims", () => {
  it("must be there with the very value", () => {
    const scope = claims({ tenant: "acme", tier: 1, trial: false, parent: null });
    const asked = { tenant: "acme", tier: 1, trial: false, parent: null };
    expect(outside(scope, { ...asked, more: "is free" })).toEqual([]);
    expect(outside(scope, {})).toEqual(["claims/tenant", "claims/tier", "claims/trial", "claims/parent"]);
    for (const [name, others] of Object.entries({
      tenant: ["ACME", "acme ", ["acme"], null, undefined],
      tier: ["1", true, 2, [1]],
      trial: [0, "", null, undefined, "false"],
      parent: [0, "", undefined, "null", {}],
    })) {
      for (const other of others)
        expect(outside(scope, { ...asked, [name]: other }), `${name}: ${other}`).toEqual([`claims/${name}`]);
    }
  });

  it("are not satisfied by what every object inherits", () => {
    expect(outside(claims({ constructor: "x" }), {})).toEqual(["claims/constructor"]);
    const inherited = Object.create({ tenant: "acme" });
    expect(outside(claims({ tenant: "acme" }), inherited)).toEqual(["claims/tenant"]);
  });

  it("and audiences are both asked for, and all that is wrong is said at once", () => {
    const both: Scope = { audiences: ["orders"], claims: { tenant: "acme" } };
    expect(outside(both, { aud: "orders", tenant: "acme" })).toEqual([]);
    expect(outside(both, { aud: "x", tenant: "y" })).toEqual(["claims/aud", "claims/tenant"]);
  });

  it("that were sent are never repeated in the refusal", () => {
    const secret = "patient-4711";
    try {
      assertWithin({ audiences: ["orders"], claims: { tenant: "acme" } }, { aud: secret, tenant: secret });
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify([error, (error as Error).message])).not.toContain(secret);
    }
  });
});

describe("the form of a scope", () => {
  it("leaves out what it does not bound", () => {
    expect(scopeSchema.parse({ audiences: ["a"] })).toEqual({ audiences: ["a"], claims: null });
    expect(scopeSchema.parse({ claims: { a: 1 } })).toEqual({ audiences: null, claims: { a: 1 } });
  });

  it.each<[string, unknown]>([
    ["bounds nothing", { audiences: null, claims: null }],
    ["allows no audience at all", { audiences: [], claims: null }],
    ["asks for no claim", { audiences: null, claims: {} }],
    ["has an empty audience", { audiences: [""], claims: null }],
    ["has a line feed in an audience", { audiences: ["a\nb"], claims: null }],
    [
      "has more than 20 audiences",
      { audiences: Array.from({ length: 21 }, (_, i) => `a${i}`), claims: null },
    ],
    ["asks for an object", { claims: { a: {} } }],
    ["asks for a list", { claims: { a: [1] } }],
    ["asks for a number that JSON cannot say", { claims: { a: Number.NaN } }],
    ["asks for what the signer sets", { claims: { iss: "https://evil.example" } }],
    ["has a member that is not known", { audience: ["a"], claims: { a: 1 } }],
    ["is a text", "orders"],
  ])("is refused where it %s", (_, scope) => {
    expect(scopeSchema.safeParse(scope).success).toBe(false);
  });
});
