/**
 * What the SDK throws, as something to act on and something to tell. Nothing that it throws is passed on
 * itself: an answer that could not be understood hangs on it, and that may hold a secret.
 */
import { type ErrorCode, KeyturnError } from "../errors.ts";

/** A call that did not succeed. */
export interface Failure {
  /** As the service calls it, e.g. `ResourceExistsException`; or what became of the request. */
  readonly name: string;
  /** Whether the call may have been carried out all the same, now or in a moment. */
  readonly inDoubt: boolean;
  /** Whether the very same call may do better soon. */
  readonly passing: boolean;
  readonly error: KeyturnError;
}

export interface AwsCall {
  /** As IAM names it: `PutSecretValue`. */
  readonly operation: string;
  /** Where the service was looked for. */
  readonly where: string;
}

/** What can be read of an error, whoever threw it. */
export interface Thrown {
  readonly name: string;
  readonly message: string;
  /** Of the connection: `ECONNREFUSED`. */
  readonly code: string | null;
  /** Of the answer, where there was one. */
  readonly status: number | null;
  /** Whether it is the service that speaks. */
  readonly isAnswer: boolean;
}

export interface Refusal<Call> {
  readonly applies: (thrown: Thrown) => boolean;
  readonly code: ErrorCode;
  readonly says: (call: Call, thrown: Thrown) => string;
  readonly fix: (call: Call, thrown: Thrown) => string;
  readonly passing?: true;
}

/** A service, and what it acts on. */
export interface Service<Call extends AwsCall> {
  readonly name: string;
  /** Before the colon of its actions. */
  readonly iam: string;
  /** What it acts on: `secret`, `key`. */
  readonly thing: string;
  /** That of this call, as it was configured. */
  readonly idOf: (call: Call) => string;
  /** What only this service says. Definite: nothing was carried out. */
  readonly refusals: readonly Refusal<Call>[];
}

/** How the failures of a service are told. */
export interface Telling<Call> {
  failureOf(error: unknown, call: Call): Failure;
  /** They were asked for before the call, which was not made. */
  noCredentials(error: unknown, call: Call): Failure;
  /** Its time was over before it was its turn. */
  outOfTime(call: Call): Failure;
  /** An answer of 200 that no reader of ours understands. */
  notUnderstood(call: Call): KeyturnError;
}

export function tellingOf<Call extends AwsCall>(service: Service<Call>): Telling<Call> {
  const { name: who, idOf, thing } = service;
  // The first that applies.
  const definite = [throttling(who), ...service.refusals, ASSUMING, denial(service), ...IDENTITY];
  const unsent = unsentRefusals(who, thing);
  const ofCredentials = [
    throttling(GIVER),
    ASSUMING,
    UNCREDITED,
    ...IDENTITY,
    ...unsentRefusals(GIVER, thing),
  ];

  return {
    failureOf(error, call) {
      const thrown = asThrown(error);
      const isRefused = thrown.isAnswer && thrown.status !== null && thrown.status < 500;
      const known = (isRefused ? definite : unsent).find(({ applies }) => applies(thrown));
      if (known !== undefined) return definitely(known, thrown, call);
      return isRefused ? refused(thrown, call) : unanswered(thrown, call);
    },
    noCredentials(error, call) {
      const thrown = asThrown(error);
      const known = ofCredentials.find(({ applies }) => applies(thrown)) ?? CREDENTIALS;
      // Its own name is not the service's word: nobody may take it for "there is no such secret".
      return { ...definitely(known, thrown, call), name: "NoCredentials" };
    },
    outOfTime({ operation }) {
      const error = new KeyturnError("store_unavailable", `There was no time left for ${operation}.`, {
        fix: `${who} answers slowly. Check the network to it; the next try begins anew.`,
      });
      return { name: "OutOfTime", inDoubt: false, passing: false, error };
    },
    notUnderstood: ({ where }) =>
      new KeyturnError("store_unavailable", `What answers is not ${who} (${where}).`, {
        fix: "Check the endpoint, and whether a proxy stands in between.",
      }),
  };

  function definitely(refusal: Refusal<Call>, thrown: Thrown, call: Call): Failure {
    const { code, says, fix, passing = false } = refusal;
    const error = new KeyturnError(code, says(call, thrown), { fix: fix(call, thrown) });
    return { name: thrown.name, inDoubt: false, passing, error };
  }

  /** For reasons of its own. Its words are not repeated: a validator may quote what it was given. */
  function refused({ name }: Thrown, call: Call): Failure {
    const what = `${who} refuses ${call.operation} for the ${thing} ${idOf(call)}: ${name}.`;
    const error = new KeyturnError("store_unavailable", what, {
      fix: "Look the call up in CloudTrail, which has the reason; check the id, the region and the endpoint.",
    });
    return { name, inDoubt: false, passing: false, error };
  }

  /** Lost on the way, or broken at the other end: what was asked may have been done. */
  function unanswered({ name, code, status }: Thrown, { operation, where }: Call): Failure {
    const how =
      { SyntaxError: "what came cannot be read", TimeoutError: "nothing came in time" }[name] ?? name;
    const what = [code ?? how, status].filter((part) => part !== null).join(", ");
    const error = new KeyturnError(
      "store_unavailable",
      `${who} does not answer ${operation} as it should (${where}): ${what}.`,
      { fix: "Check the network to it, and the AWS Health Dashboard; it is tried again." },
    );
    return { name, inDoubt: true, passing: true, error };
  }
}

function throttling(who: string): Refusal<AwsCall> {
  return {
    applies: ({ name, status }) =>
      /^(Throttl|TooManyRequests|RequestLimitExceeded|SlowDown)/.test(name) || status === 429,
    code: "store_unavailable",
    says: () => `${who} is asked too often and puts this node off (throttling).`,
    fix: () => "It is tried again. If this lasts, look for what else in the account asks so often.",
    passing: true,
  };
}

const DENIED = /^AccessDenied(Exception)?$/;
const ACTION = /not authorized to perform:? ([\w-]+:\w+)/i;

function denial<Call extends AwsCall>({ iam, idOf, thing }: Service<Call>): Refusal<Call> {
  const actionIn = ({ operation }: Call, message: string) =>
    ACTION.exec(message)?.[1] ?? `${iam}:${operation}`;
  const resourceIn = (call: Call, message: string) => /on resource: (\S+)/.exec(message)?.[1] ?? idOf(call);
  return {
    applies: ({ name }) => DENIED.test(name),
    code: "store_permission",
    says: (call, { message }) =>
      `The credentials lack ${actionIn(call, message)} on ${resourceIn(call, message)}.`,
    fix: (call, { message }) =>
      `Allow ${actionIn(call, message)} on it, in the IAM policy of this node and in the policy of the ${thing}.`,
  };
}

/** Of a role: by the service that gives its credentials. */
const ASSUMING: Refusal<AwsCall> = {
  applies: ({ name, message }) => DENIED.test(name) && /^sts:/.test(ACTION.exec(message)?.[1] ?? ""),
  code: "store_permission",
  says: (_, { message }) => `The role of this node cannot be assumed: ${ACTION.exec(message)?.[1]}.`,
  fix: () => "Allow it in the trust policy of the role, to who assumes it: the pod, the task, the account.",
};

/** For people: what the SDK asks for credentials. */
const GIVER = "The giver of the AWS credentials";

const UNCREDITED: Refusal<AwsCall> = {
  applies: ({ name }) => DENIED.test(name),
  code: "store_permission",
  says: (_, { name }) => `${GIVER} refuses them to this node: ${name}.`,
  fix: () => "Check the role of this node, its trust policy, and who may have it.",
};

/** Whatever else keeps them from being had. */
const CREDENTIALS: Refusal<AwsCall> = {
  applies: () => true,
  code: "store_unavailable",
  says: ({ operation }, { name, code }) =>
    `The AWS credentials for ${operation} cannot be had: ${code ?? name}.`,
  fix: () => "Check what gives them to this node: its role, its profile, or a function of your own.",
  passing: true,
};

/** Who asks, and when. */
const IDENTITY: readonly Refusal<AwsCall>[] = [
  {
    applies: ({ name }) => /^(ExpiredToken|TokenRefreshRequired)/.test(name),
    code: "store_permission",
    says: () => "The AWS credentials have expired.",
    fix: () => "Renew them, or give this node a role, whose credentials renew themselves.",
  },
  {
    applies: ({ name, message }) =>
      /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture)$/.test(name) ||
      (/Signature/.test(name) && /expired|not yet current/i.test(message)),
    code: "store_unavailable",
    says: () => "AWS refuses the request because this machine's clock is off by more than 5 minutes.",
    fix: () => "Set the clock: run an NTP client on this machine.",
    passing: true,
  },
  {
    applies: ({ name, message }) => /Signature/.test(name) && /scoped to|valid region/i.test(message),
    code: "store_unavailable",
    says: ({ where }) => `What answers at ${where} is of another region.`,
    fix: () => "Set the region that the endpoint is in.",
  },
  {
    applies: ({ name }) =>
      /^(UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken)/.test(
        name,
      ),
    code: "store_permission",
    says: ({ where }) => `AWS does not know the credentials that this node has (${where}).`,
    fix: () => "Check the access key and its secret, and that they are of this account and partition.",
  },
];

/** Nothing was sent. */
function unsentRefusals(who: string, thing: string): readonly Refusal<AwsCall>[] {
  return [
    {
      applies: ({ name, message }) =>
        /Credentials?Provider|TokenProvider/.test(name) || /^Credential is missing/.test(message),
      code: "store_permission",
      says: () => "There are no AWS credentials where the SDK looks for them.",
      fix: () => "Give this node a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    },
    {
      applies: ({ message }) => /^Region (is missing|not accepted)/.test(message),
      code: "config_invalid",
      says: () => "No AWS region is set, or what is set is none.",
      fix: () => `Set the region, or AWS_REGION, or name the ${thing} by its ARN.`,
    },
    {
      applies: ({ code }) =>
        code !== null && /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code),
      code: "store_unavailable",
      says: ({ where }, { code }) => `${who} cannot be reached (${where}): ${code}.`,
      fix: () => "Check the region, the endpoint, and the network: DNS, routes, VPC endpoint.",
      passing: true,
    },
    {
      applies: ({ code }) => code !== null && /CERT|SELF_SIGNED|^ERR_TLS|UNABLE_TO_VERIFY/.test(code),
      code: "store_unavailable",
      says: ({ where }, { code }) => `What answers for ${who} (${where}) cannot prove who it is: ${code}.`,
      fix: () =>
        "Check the endpoint, and whether a proxy opens TLS; then Node must know its certificate authority.",
    },
  ];
}

function asThrown(error: unknown): Thrown {
  if (typeof error === "string") return { ...NOTHING, message: error };
  if (!(error instanceof Error)) return NOTHING;
  const { code } = error as { readonly code?: unknown };
  const { $metadata, $fault } = error as {
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $fault?: unknown;
  };
  return {
    name: error.name,
    message: error.message,
    code: typeof code === "string" ? code : null,
    status: $metadata?.httpStatusCode ?? null,
    isAnswer: $fault !== undefined,
  };
}

const NOTHING: Thrown = { name: "Error", message: "", code: null, status: null, isAnswer: false };
