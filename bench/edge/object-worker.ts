/** The other way to deploy it: every request goes on to the ring's object, which signs. */
import type { Environment } from "../../dist/cloudflare/index.js";

export { KeyRingObject } from "../../dist/cloudflare/index.js";

export default {
  fetch: (request: Request, { KEY_RING }: Environment): Promise<Response> =>
    KEY_RING.getByName("default").fetch(request),
};
