/** What a user writes. */
export { default, KeyRingObject } from "keyturn/cloudflare/secrets-manager";
