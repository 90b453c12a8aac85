/** Web pages of other sites have no business here, whatever token they come by. */
import type { Context } from "hono";
import { KeyturnError } from "../errors.ts";

/**
 * A browser sends `Origin` with all that a page of another site asks for (Fetch standard, section 3.2); programs
 * send none. The scheme is left aside: a proxy may have taken TLS off.
 *
 * @throws KeyturnError `cross_origin`
 */
export function assertSameSite(c: Context): void {
  const origin = c.req.header("Origin");
  if (origin === undefined) return;
  // `null` is what pages without a site of their own send; it is no URL.
  if (URL.canParse(origin) && new URL(origin).host === new URL(c.req.url).host) return;
  throw new KeyturnError("cross_origin", "The request comes from a web page of another site.", {
    fix: "Send it from a program, without an Origin header.",
  });
}
