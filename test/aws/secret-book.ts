/** The account's secrets: where one is found, what it was some writes ago, when it is gone for good. */
import { randomInt } from "node:crypto";
import { type Input, required } from "./input.ts";
import { ACCOUNT, assertAllowed, type Principal } from "./principals.ts";
import { invalidParameter, invalidRequest, notFound } from "./refusal.ts";
import type { SecretState } from "./secret-state.ts";

export interface Secret {
  readonly name: string;
  /** With the six characters that tell it from an earlier secret of the same name. */
  readonly arn: string;
  /** Where it may be written; elsewhere are replicas. */
  readonly region: string;
  readonly description: string | undefined;
  readonly kmsKeyId: string | undefined;
  readonly tags: readonly unknown[] | undefined;
  readonly replicas: Set<string>;
  /** The last one holds. At least one. */
  readonly states: SecretState[];
  /** When a version was last read, to the day; versions by their id. */
  readonly accessedOn: Map<string, number>;
}

export interface Place {
  readonly principal: Principal;
  /** Of the credential's scope: one endpoint stands for all regions. */
  readonly region: string;
}

export interface SecretBook {
  readonly known: ReadonlyMap<string, Secret>;
  /** How many writes ago the state was that reads show. */
  staleWrites: number;
  add(secret: Secret): void;
  remove(name: string): void;
  /** By name or whole ARN, in a region that has it. */
  find(id: string, region: string): Secret | undefined;
  /** As `find`, for a principal who may do this. */
  allowed(place: Place, action: string, input: Input): Secret;
  write(secret: Secret, state: SecretState): void;
  /** What reads show; undefined where the secret did not exist so many writes ago. */
  shown(secret: Secret): SecretState | undefined;
}

/** More writes ago than anybody's read is late. */
const STATES_KEPT = 64;
const SECRET_ID = { min: 1, max: 2048 };

export function createSecretBook(now: () => number): SecretBook {
  const known = new Map<string, Secret>();
  const find = (id: string, region: string): Secret | undefined => {
    const secret = [...(id.startsWith("arn:") ? known.values() : [known.get(id)])].find(
      (each) =>
        each !== undefined &&
        (each.region === region || each.replicas.has(region)) &&
        (id === each.name || id === arnIn(each, region)),
    );
    const deletedAt = secret === undefined ? null : stateOf(secret).deletedAt;
    if (deletedAt === null || deletedAt > now()) return secret;
    known.delete(secret?.name ?? "");
    return undefined;
  };
  return {
    known,
    staleWrites: 0,
    add(secret) {
      known.set(secret.name, secret);
    },
    remove(name) {
      known.delete(name);
    },
    find,
    allowed({ principal, region }, action, input) {
      const id = required(input, "SecretId", SECRET_ID);
      const secret = find(id, region);
      const resource = secret === undefined ? arnOf(id, region) : arnIn(secret, region);
      assertAllowed(principal, `secretsmanager:${action}`, resource, id);
      if (secret === undefined) throw noSecret();
      return secret;
    },
    write({ states }, state) {
      if (state === states.at(-1)) return;
      states.push(state);
      if (states.length > STATES_KEPT) states.shift();
    },
    shown({ states }) {
      return states[states.length - 1 - this.staleWrites];
    },
  };
}

export function stateOf({ states, name }: Secret): SecretState {
  const state = states.at(-1);
  if (state === undefined) throw new Error(`${name} has no state`);
  return state;
}

export function arnIn({ arn, region }: Secret, shownIn: string): string {
  return arn.replace(`:${region}:`, `:${shownIn}:`);
}

/** What a policy sees of a secret that does not exist: an ARN without the six characters. */
export function arnOf(id: string, region: string): string {
  return id.startsWith("arn:") ? id : `arn:aws:secretsmanager:${region}:${ACCOUNT}:secret:${id}`;
}

const SUFFIX_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export function freshArn(name: string, region: string): string {
  const suffix = Array.from({ length: 6 }, () => SUFFIX_CHARACTERS[randomInt(SUFFIX_CHARACTERS.length)]);
  return `${arnOf(name, region)}-${suffix.join("")}`;
}

export function noSecret(): Error {
  return notFound("Secrets Manager can't find the specified secret.");
}

export function assertPrimary({ region }: Secret, asked: string): void {
  if (region === asked) return;
  throw invalidParameter(
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
  );
}

export function assertNotDeleted({ deletedAt }: SecretState): void {
  if (deletedAt === null) return;
  throw invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
}
