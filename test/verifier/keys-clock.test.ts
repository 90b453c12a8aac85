/** Clocks that jump, and machines that pause: age is never hidden, and nothing locks up. */
import { describe, expect, it } from "vitest";
import { jwks, KEY, NEXT_KEY, OUTAGE, settled, tokenOf, warmScene } from "./scripted-issuer.ts";

const YEAR = 365 * 86_400;

describe("a wall clock that steps back by a year", () => {
  it("does not make keys younger", async () => {
    const { verdict, issuer, clock } = await warmScene();
    issuer.reply = jwks([NEXT_KEY]);
    clock.wall -= YEAR;
    clock.sinceBoot += 600;
    const early = { iat: clock.wall };
    expect(await verdict(tokenOf(KEY, early))).toBe("kid_unknown");
    expect(await verdict(tokenOf(NEXT_KEY, early))).toBe("accepted");
  });

  it("does not keep them in an outage for longer", async () => {
    const { verdict, issuer, clock } = await warmScene();
    issuer.reply = OUTAGE;
    clock.wall -= YEAR;
    const token = tokenOf(KEY, { iat: clock.wall });
    clock.sinceBoot += 4199;
    expect(await verdict(token)).toBe("accepted");
    clock.sinceBoot += 1;
    expect(await verdict(token)).toBe("keys_expired");
  });

  it("causes no request, and no failure of tokens that it makes no judgement on", async () => {
    const { verdict, clock, fetches } = await warmScene();
    clock.wall -= YEAR;
    expect(await verdict(tokenOf(KEY, { iat: clock.wall }))).toBe("accepted");
    expect(await verdict()).toBe("issued_in_future");
    await settled();
    expect(fetches()).toBe(0);
  });

  it("does not hold up the next refresh, nor the end of a back-off", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    issuer.reply = OUTAGE;
    clock.advance(600);
    await verdict();
    clock.wall -= YEAR;
    fetches();
    clock.sinceBoot += 1;
    await verdict();
    await settled();
    expect(fetches()).toBe(1);
  });
});

describe("a wall clock that steps forward", () => {
  it("makes keys old, which costs one request and nothing else", async () => {
    const { verdict, clock, fetches } = await warmScene();
    clock.wall += YEAR;
    expect(await verdict()).toBe("accepted");
    expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(1);
  });

  it("and back again leaves the keys of before as young as they are", async () => {
    const { verdict, issuer, clock } = await warmScene();
    issuer.reply = OUTAGE;
    clock.wall += YEAR;
    expect(await verdict()).toBe("keys_expired");
    clock.wall -= YEAR;
    expect(await verdict()).toBe("accepted");
  });

  it("when the keys came under a wrong clock, costs one request when it is put right", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    clock.wall -= YEAR;
    clock.sinceBoot += 600;
    await verdict(tokenOf(KEY, { iat: clock.wall }));
    clock.wall += YEAR;
    issuer.reply = jwks([KEY, NEXT_KEY]);
    fetches();
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
    await settled();
    expect(fetches()).toBe(1);
  });
});

describe("a machine that pauses", () => {
  it("counts the pause as age where only the wall clock went on", async () => {
    const { verdict, issuer, clock } = await warmScene();
    issuer.reply = jwks([NEXT_KEY]);
    clock.wall += 3600;
    expect(await verdict()).toBe("kid_unknown");
    expect(await verdict(tokenOf(NEXT_KEY))).toBe("accepted");
  });

  it("waits for one attempt after it, then goes on with the old keys if that fails", async () => {
    const { verdict, issuer, clock, fetches } = await warmScene();
    issuer.reply = OUTAGE;
    clock.wall += 4199;
    expect(await verdict()).toBe("accepted");
    expect(fetches()).toBe(1);
    clock.wall += 1;
    expect(await verdict()).toBe("keys_expired");
  });
});

it("a token that was verified is refused when its clock runs out, or is set back before its beginning", async () => {
  const { verdict, clock, verifier } = await warmScene();
  const token = tokenOf(KEY, { iat: clock.wall, exp: clock.wall + 100 });
  expect(await verdict(token)).toBe("accepted");
  clock.wall -= 31;
  expect(await verdict(token)).toBe("issued_in_future");
  clock.wall += 31;
  expect(await verdict(token)).toBe("accepted");
  clock.wall += 129;
  expect(await verdict(token)).toBe("accepted");
  expect(verifier.stats().cached).toBe(2);
  clock.wall += 1;
  expect(await verdict(token)).toBe("expired");
});
