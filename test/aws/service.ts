/**
 * AWS Secrets Manager and KMS on loopback, for the real SDK with `endpoint`: everything in memory,
 * as strict as the SDK's documentation says of the real ones.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createAccount, type SecretView, viewOf } from "./account.ts";
import { createFaults, type Fault, type FaultOptions } from "./faults.ts";
import type { Input } from "./input.ts";
import type { KeyState } from "./kms.ts";
import { type Fate, meet } from "./met-fault.ts";
import type { Credentials } from "./principals.ts";
import { Refusal } from "./refusal.ts";
import { type Place, type Secret, stateOf } from "./secret-book.ts";
import { type Answer, bodyOf, inputOf, refused, send, success, type Target, targetOf } from "./wire.ts";

export type { Fault, FaultOptions } from "./faults.ts";

/**
 * `done`: carried out, whether or not the answer arrived. `refused`: by the rules, nothing changed.
 * `failed`: a fault, and the caller was told. `lost`: a fault, and nobody was told; late calls turn
 * into one of the first two when they are carried out.
 */
export type Outcome = "done" | "refused" | "failed" | "lost";

export interface AwsCall {
  readonly operation: string;
  readonly principal: string;
  readonly outcome: Outcome;
}

export interface AwsServiceOptions {
  /** Epoch seconds: dates of secrets and versions, quotas, recovery windows. Default: the machine's. */
  readonly now?: () => number;
  /** Default: us-east-1. */
  readonly region?: string;
  /** Default: any that is free. */
  readonly port?: number;
  /** Default: 100, as the real one's. */
  readonly versionQuota?: number;
}

export interface AwsService {
  /** http://127.0.0.1:port */
  readonly endpoint: string;
  readonly region: string;
  /** What was asked, in the order of arrival. */
  readonly calls: readonly AwsCall[];
  forgetCalls(): void;
  /**
   * Credentials of a principal who may do just these actions: `secretsmanager:PutSecretValue`,
   * `kms:*`, `secretsmanager:* on arn:…:secret:ring-??????`. Default: everything. The same name
   * again changes what it may do, or ends its expiry.
   */
  principal(name: string, allowed?: readonly string[]): Credentials;
  /** From now on: ExpiredTokenException. */
  expire(name: string): void;
  /** The next call of this operation (`*`: any) meets this fault. */
  fault(operation: string, fault: Fault, options?: FaultOptions): void;
  clearFaults(): void;
  /** Carries out what arrives late, in order; how many that was. */
  releaseLate(): number;
  /** Reads (DescribeSecret, GetSecretValue by stage) show the state of that many writes ago; 0: as it is. */
  staleReads(writes: number): void;
  /** How far the clock that signatures and the Date header go by is ahead of the machine's. */
  skewClock(seconds: number): void;
  /** Carries out an operation at once, for a test that sets its scene: no wire, no faults, no limits to permission. */
  arrange(operation: string, input: Input): object;
  secret(name: string): SecretView | null;
  /** A change of something else, as of a tag. */
  touch(name: string): void;
  /** From now on readable in that region too: same endpoint, same credentials. */
  makeReplica(name: string, region: string): void;
  makeKey(alias?: string): { readonly keyId: string; readonly arn: string };
  setKeyState(keyId: string, state: KeyState): void;
  stop(): Promise<void>;
}

interface Entry extends AwsCall {
  principal: string;
  outcome: Outcome;
}

interface Call extends Target {
  readonly place: Place;
  readonly input: Input;
  readonly entry: Entry;
}

const machineSeconds = () => Date.now() / 1000;

export async function startAwsService(options: AwsServiceOptions = {}): Promise<AwsService> {
  const { now = machineSeconds, region = "us-east-1", port = 0, versionQuota = 100 } = options;
  const account = createAccount({ now, region, versionQuota });
  const { book, kms, principals } = account;
  const faults = createFaults();
  const timers = new Set<NodeJS.Timeout>();
  let calls: Entry[] = [];
  let late: Call[] = [];
  let skew = 0;
  const wireNow = () => machineSeconds() + skew;

  const carriedOut = (call: Call): Answer => {
    try {
      // What a principal may do is looked up now: a call that was long on its way had no say before.
      const principal = principals.holderOf(call.place.principal.accessKeyId);
      const answer = success(account.perform(call, { ...call.place, principal }, call.input));
      call.entry.outcome = "done";
      return answer;
    } catch (error) {
      call.entry.outcome = error instanceof Refusal ? "refused" : "failed";
      return refused(asRefusal(error), call.service);
    }
  };

  const fateOf = (call: Call, response: ServerResponse): Fate => ({
    service: call.service,
    carryOut: () => carriedOut(call),
    answer: (answer) => send(response, answer, wireNow()),
    fail(answer) {
      call.entry.outcome = "failed";
      send(response, answer, wireNow());
    },
    cut: () => void response.destroy(),
    later(milliseconds, then) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        then();
      }, milliseconds);
      timers.add(timer);
    },
    holdBack: () => void late.push(call),
  });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let target: Target | undefined;
    try {
      const body = await bodyOf(request);
      target = targetOf(request);
      const entry: Entry = { operation: target.operation, principal: "unknown", outcome: "refused" };
      calls.push(entry);
      const place = account.placeOf(request, body, target, wireNow());
      entry.principal = place.principal.name;
      const call: Call = { ...target, place, input: inputOf(body), entry };
      entry.outcome = "lost";
      const fate = fateOf(call, response);
      const fault = faults.next(target.operation);
      if (fault === undefined) fate.answer(fate.carryOut());
      else meet(fault, fate);
    } catch (error) {
      send(response, refused(asRefusal(error), target?.service), wireNow());
    }
  };

  const server = createServer((request, response) => void serve(request, response));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("listening without a port");
  const root = principals.put("root", ["*"]);

  const named = (name: string): Secret => {
    const secret = book.known.get(name);
    if (secret === undefined) throw new Error(`no secret ${name}`);
    return secret;
  };

  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    region,
    get calls() {
      return calls;
    },
    forgetCalls() {
      calls = [];
    },
    principal(name, allowed = ["*"]) {
      const { accessKeyId, secretAccessKey } = principals.put(name, allowed);
      return { accessKeyId, secretAccessKey };
    },
    expire: principals.expire,
    fault: faults.plan,
    clearFaults: faults.clear,
    releaseLate() {
      const arrived = late;
      late = [];
      for (const call of arrived) carriedOut(call);
      return arrived.length;
    },
    staleReads(writes) {
      book.staleWrites = writes;
    },
    skewClock(seconds) {
      skew = seconds;
    },
    arrange: (operation, input) =>
      account.perform(
        { service: operation in kms.operations ? "kms" : "secretsmanager", operation },
        { principal: root, region },
        input,
      ),
    secret(name) {
      const secret = book.find(name, region);
      return secret === undefined ? null : viewOf(secret);
    },
    touch(name) {
      const secret = named(name);
      book.write(secret, { ...stateOf(secret), changedAt: now() });
    },
    makeReplica(name, replicaRegion) {
      named(name).replicas.add(replicaRegion);
    },
    makeKey(alias) {
      const { keyId, arn } = kms.makeKey(alias ?? null);
      return { keyId, arn };
    },
    setKeyState: kms.setState,
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A fault of the fake's own shows as one of the service, with its reason. */
function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("InternalServiceError", String(error), 500);
}
