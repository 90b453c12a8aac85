/** Of the module that every Worker can import, what is used here. Whoever builds on keyturn has Cloudflare's own types of it. */
declare module "cloudflare:workers" {
  export abstract class DurableObject<Environment> {
    protected readonly ctx: import("./platform.ts").ObjectContext;
    protected readonly env: Environment;
    constructor(context: import("./platform.ts").ObjectContext, environment: Environment);
  }
}
