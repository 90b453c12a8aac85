/** The Worker that the tests in workerd run beside: the one that is deployed. */
export { default, KeyRingObject } from "../../src/cloudflare/worker.ts";
export { Meeting } from "./worker-meeting.ts";
