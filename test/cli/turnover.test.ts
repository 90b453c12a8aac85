import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { wholeKid } from "../../src/cli/ring-commands.ts";
import type { Outcome, RevokeOutcome, RotateOutcome } from "../../src/manager/commands.ts";
import type { KeyManager } from "../../src/manager/manager.ts";
import type { Status } from "../../src/manager/status.ts";
import type { AuditRecord } from "../../src/ring/audit.ts";
import { newPlace, put } from "../node/place.ts";
import { json, keyturn, refused, result, start } from "./keyturn.ts";
import { kidOf, turnedOver } from "./turned-over.ts";

let place: string;
let keys: KeyManager;
let retiring: string;
let emitting: string;
let accepted: string;

beforeEach(async () => {
  place = await newPlace();
  keys = await turnedOver(place);
  [retiring, emitting, accepted] = [
    kidOf(keys, "retiring"),
    kidOf(keys, "emitting"),
    kidOf(keys, "accepted"),
  ];
});

/** The ring as the commands have left it. */
async function left() {
  await keys.refresh();
  return { ...keys.status(), record: keys.ring().auditTail.at(-1) as AuditRecord };
}
const usage = { status: 2, code: "usage" };

describe("rotate", () => {
  it("a minute after a turnover says that this was it, and changes nothing", async () => {
    expect(await result(place, ["rotate"])).toBe(
      `${emitting} took over less than an emit hold ago; that was the turnover.\n`,
    );
    expect(await json<RotateOutcome>(place, ["rotate"])).toEqual({
      changed: false,
      generation: 3,
      emitter: emitting,
      rotation: "just_done",
      emitsAt: null,
    });
  });

  it("in a new ring schedules the turnover once, for the end of the hold", async () => {
    const fresh = await newPlace();
    await result(fresh, ["init"]);
    const first = await json<RotateOutcome>(fresh, ["rotate", "--reason", "exercise"]);
    expect(first).toMatchObject({ changed: true, generation: 2, rotation: "scheduled" });
    const said = await result(fresh, ["rotate"]);
    const at = new Date((first.emitsAt as number) * 1000).toISOString().slice(0, 19).replace("T", " ");
    expect(said).toBe(`A turnover is in progress: the next key emits at ${at} UTC.\n`);
    expect(await json(fresh, ["audit", "show"])).toMatchObject([
      {},
      { event: "rotate_requested", reason: "exercise" },
    ]);
  });
});

describe("rollback", () => {
  it("needs a reason, and --yes where nobody can be asked", async () => {
    expect(await refused(place, ["rollback", "--yes"], usage)).toContain("--reason is missing");
    expect(await refused(place, ["rollback", "--reason", "a test"], usage)).toContain("--yes");
    expect((await left()).emitter).toBe(emitting);
  });

  it("lets the key before emit again, and repeated is the same as once", async () => {
    const args = ["rollback", "--reason", "the gateway cannot parse the new kid", "--yes"];
    expect(await result(place, args)).toBe(`${retiring.slice(0, 12)}… emits again.\n`);
    expect(await json<Outcome>(place, args)).toEqual({ changed: false, generation: 4, emitter: retiring });
    expect((await left()).record).toMatchObject({
      event: "rollback",
      oldKid: emitting,
      newKid: retiring,
      trigger: "manual",
      actor: expect.stringMatching(/^cli:\w/),
      reason: "the gateway cannot parse the new kid",
    });
  });
});

describe("revoke", () => {
  const because = ["--reason", "laptop was stolen", "--yes"];

  it("takes the emitter away, and says who emits, by when it is refused, and where there is no bound", async () => {
    const { status: code, stdout, stderr } = await keyturn(place, ["revoke", emitting, ...because]);
    expect(code).toBe(0);
    // The key that everyone still trusts succeeds, because the accepted one has not passed its hold.
    expect(stdout).toMatch(new RegExp(`^${emitting} is revoked; ${retiring.slice(0, 12)}… emits\\.\n`));
    expect(stdout).toMatch(/^Refused by every verifier that honours the cache TTL by \S+ \S+ UTC\.$/m);
    expect(stdout).toMatch(/^No bound for verifiers that keep a JWKS without expiry/m);
    expect(stderr).toBe("");
    expect(await result(place, ["jwks"])).not.toContain(emitting);
    expect((await left()).record).toMatchObject({
      event: "revoke",
      oldKid: emitting,
      reason: "laptop was stolen",
    });
  });

  it("warns on the side when the successor emits before its hold has passed", async () => {
    await keys.revoke(retiring, { reason: "a test" });
    const { stdout, stderr } = await keyturn(place, ["revoke", emitting, ...because]);
    expect(stdout).toContain(`${emitting} is revoked; ${accepted.slice(0, 12)}… emits.`);
    expect(stderr).toMatch(/^keyturn: no successor had passed its hold: until it has, .*\n$/);
    expect((await left()).record).toMatchObject({ event: "revoke", newKid: accepted, earlyEmit: true });
    const again = await json<RevokeOutcome>(place, ["revoke", emitting, ...because]);
    expect(again).toMatchObject({ changed: false, kid: emitting, emitter: accepted, earlyEmit: false });
  });

  it("takes a beginning that only one key has, as status shows it", async () => {
    const said = await result(place, ["revoke", `${accepted.slice(0, 12)}…`, ...because]);
    expect(said).toContain(`${accepted} is revoked`);
    expect((await left()).revoked).toMatchObject([{ kid: accepted, revokedBecause: "laptop was stolen" }]);
  });

  it("takes a kid that begins with a dash for no flag", async () => {
    // Another one, also where the emitter itself begins with a dash.
    const dashed = `-${emitting.slice(2)}A`;
    const unknown = { status: 1, code: "kid_unknown" };
    await refused(place, ["revoke", dashed, ...because], unknown);
    await refused(place, ["revoke", ...because, "--", dashed], unknown);
    await refused(place, ["revoke", `-${dashed.slice(0, 11)}…`, ...because], unknown);
  });

  it("refuses a beginning that several keys have", () => {
    const kids = (kid: string[]) => kid.map((each) => ({ kid: each })) as never;
    const status = { keys: kids(["abcd1", "abcd2", "xyzw1"]), revoked: kids(["xyzw2", "qrst1"]) };
    for (const beginning of ["abcd", "xyzw", "abcd…"])
      expect(() => wholeKid(status, beginning)).toThrow("Several keys begin like this.");
    expect(["abcd1", "abcd2…", " qrst", "none"].map((given) => wholeKid(status, given))).toEqual([
      "abcd1",
      "abcd2",
      "qrst1",
      "none",
    ]);
  });

  it("refuses a beginning so short that it may be an accident, such as an empty variable", async () => {
    for (const kid of ["", `${emitting.slice(0, 3)}…`]) {
      expect(await refused(place, ["revoke", kid, ...because], usage)).toContain("At least 4 characters");
    }
    expect((await left()).revoked).toEqual([]);
  });

  it("needs a reason of one printable line", async () => {
    expect(await refused(place, ["revoke", emitting, "--yes"], usage)).toContain("--reason is missing");
    const bad = { status: 2, code: "reason_invalid" };
    for (const reason of ["two\nlines", "right\u202eto left"]) {
      await refused(place, ["revoke", emitting, "--yes", "--reason", reason], bad);
    }
    expect((await left()).generation).toBe(3);
  });

  it("does nothing without --yes where nobody can be asked", async () => {
    expect(await refused(place, ["revoke", emitting, "--reason", "a test"], usage)).toContain(
      "nobody can be asked",
    );
    expect((await left()).emitter).toBe(emitting);
  });
});

describe("pause and resume", () => {
  it("stop the automatic steps and let them go on, each once", async () => {
    expect(await result(place, ["pause", "--reason", "deploying"])).toBe("Paused.\n");
    expect(await result(place, ["pause"])).toBe("Paused already.\n");
    expect(await result(place, ["status"])).toMatch(/^paused {6}since .*`keyturn resume` goes on$/m);
    expect(await json<Outcome>(place, ["resume"])).toEqual({
      changed: true,
      generation: 5,
      emitter: emitting,
    });
    expect(await result(place, ["resume"])).toBe("Not paused.\n");
    expect((await left()).record).toMatchObject({ event: "resume", reason: null });
  });
});

describe("policy", () => {
  it("shows where ring and configuration differ, and puts the configured one in force when told to", async () => {
    const flags = ["--token-seconds", "60", "--standby", "false"];
    expect(await result(place, ["policy", ...flags])).toBe(
      "tokenSeconds: 900 → 60\nstandby: true → false\n`keyturn policy --apply` puts it in force.\n",
    );
    expect(await result(place, ["status", ...flags])).toContain("`keyturn policy` shows the difference");
    expect(await json(place, ["policy", ...flags, "--apply", "--reason", "shorter sessions"])).toEqual({
      changed: true,
      differences: {
        tokenSeconds: { ring: 900, configured: 60 },
        standby: { ring: true, configured: false },
      },
    });
    expect(await result(place, ["policy", ...flags])).toBe("The configured policy is in force.\n");
    expect((await left()).record).toMatchObject({ event: "policy_changed", reason: "shorter sessions" });
  });
});

describe("rewrap", () => {
  it("moves the ring to the new KEK in one commit, after which the old one opens nothing", async () => {
    const kek = join(place, ".keyturn", "kek");
    await put(join(place, "old"), await readFile(kek, "utf8"));
    await put(kek, "efkEKYp3zmLM88SN7nEwXVds0gVwDg9AjT7efEHkwDY\n");
    const before = keys.status();
    const done =
      "The ring is sealed under the present KEK now. When every node has it, delete the previous one.\n";
    expect(await result(place, ["rewrap", "--previous-kek-file", "old"])).toBe(done);
    expect(await result(place, ["rewrap"])).toBe("The ring is sealed under the present KEK already.\n");
    const after = await json<Status>(place, ["status"]);
    expect(after).toMatchObject({
      generation: before.generation + 1,
      keys: before.keys,
      emitter: before.emitter,
    });
    expect(after.kek).not.toBe(before.kek);
    await refused(place, ["status", "--kek-file", "old"], { status: 4, code: "kek_mismatch" });
    expect(await result(place, ["sign"])).toMatch(/^ey/);
  });
});

describe("a running node", () => {
  it("takes up what was commanded beside it", async () => {
    const flags = ["--listen", "127.0.0.1:0", "--refresh-seconds", "1", "--log-level", "error"];
    await result(place, ["policy", ...flags, "--apply"]);
    const server = start(place, ["serve", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
    const [welcome] = await once(server.stdout as NonNullable<typeof server.stdout>, "data");
    const jwksUrl = /JWKS +(\S+)/.exec(String(welcome))?.[1] as string;
    await result(place, ["revoke", emitting, "--reason", "leaked", "--yes", ...flags]);
    await expect
      .poll(async () => (await fetch(jwksUrl)).text(), { timeout: 10_000, interval: 20 })
      .not.toContain(emitting);
  });
});
