/** One account: its secrets, its keys, and who may ask for what. No wire in between. */
import type { IncomingMessage } from "node:http";
import type { Input } from "./input.ts";
import { createKms, type Kms } from "./kms.ts";
import { createPrincipals, type Principals } from "./principals.ts";
import { Refusal } from "./refusal.ts";
import { createSecretBook, type Place, type Secret, type SecretBook, stateOf } from "./secret-book.ts";
import { secretReads } from "./secret-reads.ts";
import { labelsOf, type SecretValue } from "./secret-state.ts";
import { secretWrites } from "./secret-writes.ts";
import { assertCurrent, assertSigned, mismatch, signatureOf } from "./signature.ts";
import { type Target, unknownOperation } from "./wire.ts";

/** A secret as it is, whoever reads late. */
export interface SecretView {
  readonly arn: string;
  readonly versions: readonly {
    readonly versionId: string;
    readonly labels: readonly string[];
    readonly createdAt: number;
    readonly value: SecretValue;
  }[];
  /** Which version holds which label. */
  readonly labels: Readonly<Record<string, string>>;
  readonly changedAt: number;
  readonly deletedAt: number | null;
}

export interface Account {
  readonly kms: Kms;
  readonly book: SecretBook;
  readonly principals: Principals;
  perform(target: Target, place: Place, input: Input): object;
  /** Who asks, once the signature is found good. */
  placeOf(request: IncomingMessage, body: Buffer, target: Target, wireNow: number): Place;
}

export interface AccountOptions {
  readonly now: () => number;
  readonly region: string;
  readonly versionQuota: number;
}

export function createAccount({ now, region, versionQuota }: AccountOptions): Account {
  const kms = createKms(now, region);
  const book = createSecretBook(now);
  const principals = createPrincipals();
  const ofSecrets = { ...secretWrites(book, kms, now, versionQuota), ...secretReads(book, kms, now) };
  const known = (asked: string) =>
    asked === region || [...book.known.values()].some(({ replicas }) => replicas.has(asked));
  return {
    kms,
    book,
    principals,
    perform({ service, operation }, place, input) {
      if (service === "kms") {
        const carryOut = Object.hasOwn(kms.operations, operation) ? kms.operations[operation] : undefined;
        if (carryOut === undefined) throw unknownOperation(400);
        return carryOut(place.principal, input);
      }
      const carryOut = Object.hasOwn(ofSecrets, operation) ? ofSecrets[operation] : undefined;
      if (carryOut === undefined) throw unknownOperation(400);
      return carryOut(place, input);
    },
    placeOf(request, body, { service }, wireNow) {
      const signature = signatureOf(request);
      const principal = principals.holderOf(signature.accessKeyId);
      // Nobody here has a session, so no token can be right.
      if (request.headers["x-amz-security-token"] !== undefined)
        throw new Refusal(
          "UnrecognizedClientException",
          "The security token included in the request is invalid.",
        );
      if (!known(signature.region)) throw mismatch("Credential should be scoped to a valid region.");
      if (signature.service !== service)
        throw mismatch(`Credential should be scoped to correct service: '${service}'.`);
      assertCurrent(request, wireNow);
      assertSigned(request, body, signature, principal.secretAccessKey);
      return { principal, region: signature.region };
    },
  };
}

export function viewOf(secret: Secret): SecretView {
  const state = stateOf(secret);
  return {
    arn: secret.arn,
    versions: [...state.versions.values()].map(({ id, createdAt, value }) => ({
      versionId: id,
      labels: labelsOf(state, id),
      createdAt,
      value,
    })),
    labels: Object.fromEntries(state.labels),
    changedAt: state.changedAt,
    deletedAt: state.deletedAt,
  };
}
