/** Of what workerd and its tests have beside the web's own names, what is used here. */

interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void;
}

interface CacheStorage {
  /** Of the data centre that the Worker runs in. */
  readonly default: Cache;
}

declare module "cloudflare:workers" {
  interface Bindings {
    /** Vars of examples/protected-worker. */
    readonly ISSUER: string;
    readonly AUDIENCE: string;
    readonly JWKS_URL: string;
    /** The issuer's Worker. */
    readonly AUTH: { readonly fetch: typeof fetch };
    /** examples/protected-worker. */
    readonly ORDERS: { readonly fetch: typeof fetch };
    /** verifier-routes.ts. */
    readonly ROUTES: { readonly fetch: typeof fetch };
    readonly KEYS: {
      get(key: string): Promise<string | null>;
      put(key: string, value: string, options?: { readonly expirationTtl: number }): Promise<void>;
      delete(key: string): Promise<void>;
    };
  }

  interface Bindings {
    readonly STORED_KEK: { get(): Promise<string> };
    readonly STORED_PREVIOUS_KEK: { get(): Promise<string> };
  }

  type Deployed = import("../../src/cloudflare/platform.ts").Environment;

  export const env: Bindings & Deployed;

  /** What the main Worker exports, as others are bound to it. */
  export const exports: {
    readonly default: {
      readonly fetch: typeof fetch;
      scheduled(options: { readonly cron: string }): Promise<unknown>;
    };
    /** worker-meeting.ts. */
    readonly Meeting: { readonly fetch: typeof fetch };
  };

  export class WorkerEntrypoint {
    protected readonly ctx: ExecutionContext;
  }
}

declare module "cloudflare:test" {
  export function createExecutionContext(): ExecutionContext;
  /** Until all is done that the context was told to wait for. */
  export function waitOnExecutionContext(context: ExecutionContext): Promise<void>;

  export function createScheduledController(options?: { readonly cron: string }): object;

  /** All that is kept anywhere is gone, alarms as well. */
  export function reset(): Promise<void>;

  type Stub = import("../../src/cloudflare/platform.ts").KeyRingStub;
  type KeyRingObject = import("../../src/cloudflare/key-ring-object.ts").KeyRingObject;
  type Context = import("../../src/cloudflare/platform.ts").ObjectContext;

  interface ObjectState extends Context {
    readonly storage: Context["storage"] & { deleteAlarm(): Promise<void> };
  }

  /** Within the object, with the very instance that answers others. */
  export function runInDurableObject<Result>(
    stub: Stub,
    work: (instance: KeyRingObject, state: ObjectState) => Result | Promise<Result>,
  ): Promise<Result>;
  /** Now, whenever it was set for; false where none was. */
  export function runDurableObjectAlarm(stub: Stub): Promise<boolean>;
  /** As the platform does: what is under way ends first. */
  export function evictDurableObject(stub: Stub): Promise<void>;
  /** As a crash does. */
  export function abortAllDurableObjects(): Promise<void>;
  export function adminSecretsStore(secret: object): Disposable & {
    create(value: string): Promise<string>;
    update(value: string, id: string): Promise<string>;
    delete(id: string): Promise<void>;
  };
}
