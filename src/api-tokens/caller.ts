import type { Role } from "./role.ts";
import type { Scope } from "./scope.ts";

/** Who presented a valid API token. Everything about a request's author comes from here, and nothing from its headers. */
export interface Caller {
  /** Of the token, e.g. `t_3kTMd0WbqNn2xXQe`; fit for logs and the audit. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** What a signer may put into tokens; null: anything. */
  readonly scope: Scope | null;
}

/** Tells who presents an API token; null when it is none, has expired or was revoked. */
export type Authenticate = (presented: string) => Promise<Caller | null>;
