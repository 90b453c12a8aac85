/** Who may do what over HTTP: five roles, nine columns, one test per cell, each at a real socket. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Role } from "../../../src/api-tokens/role.ts";
import { JWKS_PATH } from "../../../src/http/jwks.ts";
import { DEFAULT_POLICY } from "../../../src/ring/policy.ts";
import { kidIn, settle } from "../../manager/fleet.ts";
import { type Answer, expectProblem } from "../served.ts";
import { type ControlPlane, openControlPlane } from "./served.ts";

const NOBODY = "anonymous";
type Who = Role | typeof NOBODY;

const WHO: readonly Who[] = [NOBODY, "signer", "scheduler", "operator", "security"];

/** What each column asks for; `kid` finds out what it is about. */
interface Column {
  readonly may: readonly Who[];
  readonly ask: (plane: ControlPlane, token: string | undefined) => Promise<Answer>;
}

const post =
  (path: string | ((plane: ControlPlane) => string), body?: unknown): Column["ask"] =>
  (plane, token) =>
    plane.ask({
      method: "POST",
      path: typeof path === "string" ? path : path(plane),
      token,
      body,
      headers: { "If-Match": "*" },
    });
const get =
  (path: string): Column["ask"] =>
  (plane, token) =>
    plane.ask({ path, token });

const revokeOf =
  (phase: "accepted" | "emitting") =>
  ({ keys }: ControlPlane) =>
    `/v1/keys/${kidIn(keys, phase)}/revoke`;

const COLUMNS: Readonly<Record<string, Column>> = {
  "read the JWKS": { may: WHO, ask: get(JWKS_PATH) },
  "read the status": { may: ["scheduler", "operator", "security"], ask: get("/v1/ring") },
  "read the metrics": { may: ["scheduler", "operator", "security"], ask: get("/metrics") },
  sign: { may: ["signer"], ask: post("/v1/tokens", { claims: {} }) },
  rotate: { may: ["operator", "security"], ask: post("/v1/ring/rotate") },
  "revoke a key that does not sign": {
    may: ["operator", "security"],
    ask: post(revokeOf("accepted"), { reason: "no longer wanted" }),
  },
  "revoke the key that signs": {
    may: ["operator", "security"],
    ask: post(revokeOf("emitting"), { reason: "stolen", emergency: true }),
  },
  "roll back": { may: ["operator", "security"], ask: post("/v1/ring/rollback", { reason: "it fails" }) },
  "change the policy": {
    may: ["security"],
    ask: post("/v1/ring/policy", { policy: { ...DEFAULT_POLICY, tokenSeconds: 600 } }),
  },
  "read the audit": { may: ["operator", "security"], ask: get("/v1/audit") },
  // Beside the nine: what is not in them, and must not be open for it.
  tick: { may: ["scheduler", "operator", "security"], ask: post("/v1/ring/tick") },
  pause: { may: ["operator", "security"], ask: post("/v1/ring/pause") },
  resume: { may: ["operator", "security"], ask: post("/v1/ring/resume") },
  "list API tokens": { may: ["security"], ask: get("/v1/api-tokens") },
  "issue an API token": {
    may: ["security"],
    ask: post("/v1/api-tokens", { name: "another", role: "signer" }),
  },
  "rotate another's API token": {
    may: ["security"],
    ask: async (plane, token) =>
      post(`/v1/api-tokens/${(await plane.issue("signer")).id}/rotate`)(plane, token),
  },
  "revoke another's API token": {
    may: ["security"],
    ask: async (plane, token) =>
      post(`/v1/api-tokens/${(await plane.issue("signer")).id}/revoke`, { reason: "lost" })(plane, token),
  },
  "see its own API token": {
    may: ["signer", "scheduler", "operator", "security"],
    ask: get("/v1/api-tokens/self"),
  },
};

const BATCH = { tokens: [{ claims: {} }] };

for (const who of WHO) {
  describe(`${who}`, () => {
    let plane: ControlPlane;
    let token: string | undefined;
    let id: string | null = null;

    beforeAll(async () => {
      plane = await openControlPlane();
      // Turned over once, so that there is something to roll back to.
      await settle(plane);
      plane.clock.advance(DEFAULT_POLICY.rotateEverySeconds + 1);
      await settle(plane);
      const given = who === NOBODY ? undefined : await plane.issue(who);
      token = given?.token;
      id = given?.id ?? null;
    });

    for (const [what, { may, ask }] of Object.entries(COLUMNS)) {
      it(`${may.includes(who) ? "may" : "may not"} ${what}`, async () => {
        const before = plane.keys.ring().generation;
        plane.told.length = 0;
        const answer = await ask(plane, token);
        if (may.includes(who)) return expect([200, 201], answer.body).toContain(answer.status);
        if (who === NOBODY) expectProblem(answer, 401, "unauthenticated");
        else expectProblem(answer, 403, "forbidden");
        expect(plane.keys.ring().generation).toBe(before);
        const code = who === NOBODY ? "unauthenticated" : "forbidden";
        expect(plane.told).toContainEqual(
          expect.objectContaining({ type: "request_denied", caller: id, code }),
        );
      });
    }
  });
}

it("lets several tokens be signed by those who may sign one", async () => {
  const plane = await openControlPlane();
  for (const role of ["signer", "scheduler", "operator", "security"] as const) {
    const { token } = await plane.issue(role);
    const answer = await plane.ask({ method: "POST", path: "/v1/tokens/batch", token, body: BATCH });
    expect(answer.status).toBe(role === "signer" ? 200 : 403);
  }
});
