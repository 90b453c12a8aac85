/** Who asks, told apart by access key id, and what they may do. */
import { randomBytes } from "node:crypto";
import { Refusal } from "./refusal.ts";

export const ACCOUNT = "123456789012";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Principal extends Credentials {
  readonly name: string;
  /** `action` or `action on resource`, `*` for any run of characters and `?` for one. */
  readonly allowed: readonly string[];
  readonly expired: boolean;
}

export interface Principals {
  /** The same name again: the same credentials, with these actions from now on. */
  put(name: string, allowed: readonly string[]): Principal;
  expire(name: string): void;
  /** Whose access key this is. */
  holderOf(accessKeyId: string): Principal;
}

export function createPrincipals(): Principals {
  const byName = new Map<string, Principal>();
  const byKey = new Map<string, string>();
  const keep = (principal: Principal) => {
    byName.set(principal.name, principal);
    byKey.set(principal.accessKeyId, principal.name);
    return principal;
  };
  return {
    put: (name, allowed) =>
      keep({ ...(byName.get(name) ?? freshCredentials()), name, allowed, expired: false }),
    expire(name) {
      const principal = byName.get(name);
      if (principal === undefined) throw new Error(`no principal ${name}`);
      keep({ ...principal, expired: true });
    },
    holderOf(accessKeyId) {
      const principal = byName.get(byKey.get(accessKeyId) ?? "");
      if (principal === undefined)
        throw new Refusal(
          "UnrecognizedClientException",
          "The security token included in the request is invalid.",
        );
      if (principal.expired)
        throw new Refusal("ExpiredTokenException", "The security token included in the request is expired");
      return principal;
    },
  };
}

export function mayDo({ allowed }: Principal, action: string, resource: string): boolean {
  return allowed.some((rule) => {
    const [actions = "", resources = "*"] = rule.split(" on ");
    return pattern(actions).test(action) && pattern(resources).test(resource);
  });
}

/** `shown` is the resource as it was asked for, so that the answer says nothing of what there is. */
export function assertAllowed(
  principal: Principal,
  action: string,
  resource: string,
  shown: string = resource,
): void {
  if (mayDo(principal, action, resource)) return;
  throw new Refusal(
    "AccessDeniedException",
    `User: arn:aws:iam::${ACCOUNT}:user/${principal.name} is not authorized to perform: ${action} on resource: ${shown} because no identity-based policy allows the ${action} action`,
  );
}

function freshCredentials(): Credentials {
  return {
    accessKeyId: `AKIA${randomBytes(8).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString("base64"),
  };
}

const patterns = new Map<string, RegExp>();

function pattern(glob: string): RegExp {
  const known = patterns.get(glob);
  if (known !== undefined) return known;
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const made = new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  patterns.set(glob, made);
  return made;
}
