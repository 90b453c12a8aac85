/**
 * An issuer that turns over, as a Worker of its own. Its clock begins in the past, so that tokens are
 * not of the future after a turnover. What a test wants of it comes as a POST.
 */
import { createTestIssuer, movableClock, type TestIssuer } from "../../src/testing/index.ts";

const ISSUER = "https://auth.example.com";

/** So many turnovers of half an hour fit in. */
const BEGUN_SECONDS_AGO = 3 * 3600;
/** A token of the beginning is still good now. */
const TOKEN_SECONDS = 4 * 3600;

/** Longer than any test waits. */
const HANG_MILLISECONDS = 60_000;

let issuer: TestIssuer;
let asked = 0;
let waitMilliseconds = 0;
let isDown = false;

const commands: Readonly<Record<string, (told: string) => Promise<unknown>>> = {
  async "/anew"() {
    const clock = movableClock(Math.floor(Date.now() / 1000) - BEGUN_SECONDS_AGO);
    issuer = await createTestIssuer({ issuer: ISSUER, clock, policy: { tokenSeconds: TOKEN_SECONDS } });
    [asked, waitMilliseconds, isDown] = [0, 0, false];
  },
  "/rotate": () => issuer.rotate(),
  "/sign": async (claims) =>
    (await issuer.sign(JSON.parse(claims), { expiresInSeconds: TOKEN_SECONDS })).token,
  "/asked": async () => asked,
  async "/wait"(milliseconds) {
    waitMilliseconds = Number(milliseconds);
  },
  async "/hang"() {
    waitMilliseconds = HANG_MILLISECONDS;
  },
  async "/down"() {
    isDown = true;
  },
};

export default {
  async fetch(request: Request): Promise<Response> {
    const command = commands[new URL(request.url).pathname];
    if (request.method === "POST" && command !== undefined)
      return Response.json((await command(await request.text())) ?? null);
    asked++;
    if (waitMilliseconds > 0) await new Promise((resolve) => setTimeout(resolve, waitMilliseconds));
    if (isDown) return new Response(null, { status: 503 });
    return issuer.fetch(request.url, { headers: request.headers });
  },
};
