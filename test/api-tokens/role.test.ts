import { describe, expect, it } from "vitest";
import { ACTIONS, type Action, mayDo, ROLES, type Role } from "../../src/api-tokens/role.ts";

const COLUMNS: readonly Action[] = [
  "read-jwks",
  "read-status",
  "sign",
  "tick",
  "rotate",
  "revoke",
  "revoke-emitter",
  "rollback",
  "administer",
  "read-audit",
];

/** As it was decided, cell by cell; a column for each action above. */
const MATRIX: readonly (readonly [Role | null, string])[] = [
  [null, "y - - - - - - - - -"],
  ["signer", "y - y - - - - - - -"],
  ["scheduler", "y y - y - - - - - -"],
  ["operator", "y y - y y y y y - y"],
  ["security", "y y - y y y y y y y"],
];

describe("who may do what", () => {
  it("has a row for every role and for none, a column for every action", () => {
    expect(MATRIX.map(([role]) => role)).toEqual([null, ...ROLES]);
    expect([...COLUMNS].sort()).toEqual([...ACTIONS].sort());
  });

  for (const [role, row] of MATRIX) {
    for (const [i, cell] of row.split(" ").entries()) {
      const action = COLUMNS[i] as Action;
      it(`${role ?? "anyone"} ${cell === "y" ? "may" : "may not"} ${action}`, () => {
        expect(mayDo(role, action)).toBe(cell === "y");
      });
    }
  }
});
