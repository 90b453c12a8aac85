/** An API token as others make one: as good as keyturn's own, and in no book. */
import { randomBytes } from "node:crypto";

export function givenToken(): string {
  return `keyturn_${randomBytes(32).toString("base64url")}`;
}
