import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { KeyManager } from "../../src/manager/manager.ts";
import type { Status } from "../../src/manager/status.ts";
import type { AuditRecord } from "../../src/ring/audit.ts";
import type { PlannedStep } from "../../src/ring/plan.ts";
import { json, keyturn, result } from "./keyturn.ts";
import { kidOf, turnedOver } from "./turned-over.ts";

let place: string;
let keys: KeyManager;

// They change nothing, so one ring does for all of them.
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "keyturn-views-"));
  keys = await turnedOver(place);
  return () => rm(place, { recursive: true });
});

const short = (kid: string) => `${kid.slice(0, 12)}…`;

describe("status", () => {
  it("shows ring, emitter, next step and a lane for each key, with what each instant brings", async () => {
    const said = await result(place, ["status"]);
    const [retiring, emitting, accepted] = ["retiring", "emitting", "accepted"].map((phase) =>
      kidOf(keys, phase),
    ) as [string, string, string];
    expect(said).toContain(`ring        ${keys.ring().id}, generation 3, sealed under KEK `);
    expect(said).toContain(`emitting    ${emitting} (ES256)\n`);
    expect(said).toMatch(new RegExp(`next step   revoke ${short(retiring)} at .* UTC \\(in 1[89]m`));
    const lane = (kid: string) =>
      said
        .split("\n")
        .find((line) => line.startsWith(short(kid)))
        ?.slice(15)
        .trimEnd();
    expect(lane(retiring)).toMatch(/^#+-+$/);
    expect(lane(emitting)).toMatch(/^\.+#+-+$/);
    expect(lane(accepted)).toMatch(/^ +\.+#+$/);
    expect(said).toMatch(/^ +\d .* now$/m);
    expect(said).toMatch(new RegExp(`UTC {2}${short(retiring)} revoked$`, "m"));
    expect(said).toMatch(/\.\.\.\. accepted {3}#### emitting {3}---- retiring\n$/);
  });

  it("is the manager's own status as JSON", async () => {
    const { now, nextStep, leaseAgeSeconds, ...said } = await json<Status>(place, ["status"]);
    const { now: _now, nextStep: planned, leaseAgeSeconds: _age, ...status } = keys.status();
    expect(said).toEqual(JSON.parse(JSON.stringify(status)));
    expect(nextStep).toEqual(JSON.parse(JSON.stringify(planned)));
    expect(Math.abs(now - Date.now() / 1000)).toBeLessThan(30);
    expect(leaseAgeSeconds).toBeLessThan(30);
  });
});

describe("plan", () => {
  it("shows each next step with every term of the hold that it waits for", async () => {
    const said = await result(place, ["plan"]);
    const steps = [...said.matchAll(/^\S+ \S+ UTC {2}(\w+) /gm)].map(([, step]) => step);
    expect(steps.slice(0, 3)).toEqual(["revoke", "emit", "accept"]);
    expect(steps).toHaveLength(6);
    expect(said).toContain(
      "hold 20m: the overlap, at least lease 2m + token 15m + leeway 30s + 2 × skew 30s\n",
    );
    expect(said).toContain(
      "hold 20m: the overlap, at least refresh 30s + 2 × fetch 5s + max-age 8m50s + JWKS cache 10m + skew 30s\n",
    );
    expect(said).toContain(`${short(kidOf(keys, "emitting"))} retires`);
  });

  it("is the manager's own plan as JSON", async () => {
    expect(await json<PlannedStep[]>(place, ["plan"])).toEqual(JSON.parse(JSON.stringify(keys.plan(6))));
  });
});

describe("jwks", () => {
  it("is the JWKS as it is served now, public members only, with or without --json", async () => {
    const jwks = await json<{ keys: Record<string, string>[] }>(place, ["jwks"]);
    expect(jwks).toEqual(JSON.parse(JSON.stringify(keys.jwks())));
    for (const key of jwks.keys)
      expect(Object.keys(key).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
    expect(JSON.parse(await result(place, ["jwks"]))).toEqual(jwks);
  });
});

describe("audit show", () => {
  it("has a line for each record, or the records", async () => {
    const lines = (await result(place, ["audit", "show"])).trimEnd().split("\n");
    expect(lines.map((line) => /UTC {2}(\w+)/.exec(line)?.[1])).toEqual(["init", "emit", "accept"]);
    expect(lines[1]).toContain(
      `${short(kidOf(keys, "retiring"))} → ${short(kidOf(keys, "emitting"))}  automatic by schedule`,
    );
    const records = await json<AuditRecord[]>(place, ["audit", "show"]);
    expect(records).toEqual(JSON.parse(JSON.stringify(keys.ring().auditTail)));
  });

  it("of a log that holds nothing, says so on the side", async () => {
    const { status, stdout, stderr } = await keyturn(place, [
      "audit",
      "show",
      "--json",
      "--audit-log",
      "nowhere.jsonl",
    ]);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: "[]\n",
      stderr: "keyturn: nowhere.jsonl holds no record\n",
    });
  });
});

describe("what is seen", () => {
  it("has changed nothing", async () => {
    const { generation } = await json<Status>(place, ["status"]);
    expect(generation).toBe(3);
    expect(await json(place, ["audit", "verify"])).toMatchObject({ records: 3 });
  });

  it("has no colours, however the terminal is called", async () => {
    const env = { TERM: "xterm-256color", FORCE_COLOR: "3" };
    expect(await result(place, ["status"], { env })).not.toContain("\u001b");
  });
});
