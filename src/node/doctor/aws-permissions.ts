/** From what was answered to each request, whether this node may do it; one finding a permission. */
import type { Asked, Probed } from "./aws-probe.ts";
import { type Fault, type Finding, failing, finding, warning } from "./finding.ts";

export interface Needs {
  /** Whether this node takes steps; one that does not needs only to read. */
  readonly writes: boolean;
}

/** @param kek what came of reading the secret with the KEK; null where it is kept elsewhere. */
export function checkPermissions(
  secrets: readonly Probed[],
  kek: { readonly id: string; readonly got: Asked<unknown> } | null,
  { writes }: Needs,
): Finding[] {
  const needed = writes ? failing : notNeeded;
  const read = [...secrets, ...(kek === null ? [] : [kek])];
  return [
    finding(
      "describe-secret",
      secrets.flatMap(({ described }) => faultsOf(described, failing)),
      "DescribeSecret is allowed.",
    ),
    finding(
      "get-secret-value",
      read.flatMap(({ got }) => faultsOf(got, failing)),
      "GetSecretValue is allowed.",
    ),
    finding(
      "put-secret-value",
      secrets.flatMap(({ id, put, described }) =>
        put === null ? untried(id, "PutSecretValue", described) : faultsOf(put, needed),
      ),
      "PutSecretValue is allowed.",
    ),
    finding(
      "update-version-stage",
      secrets.flatMap(({ id, moved, described }) =>
        moved === null ? untried(id, "UpdateSecretVersionStage", described) : faultsOf(moved, needed),
      ),
      "UpdateSecretVersionStage is allowed.",
    ),
    checkCreate(secrets, writes),
    ...(writes ? checkSecretKeys(secrets) : []),
  ];
}

/** Needed once in the life of a secret: who has made it may take the permission back. */
function checkCreate(secrets: readonly Probed[], writes: boolean): Finding {
  const missing = writes ? secrets.filter(({ described }) => isNotThere(described)) : [];
  const faults = missing.map(({ id }) =>
    warning(
      `There is no secret ${id} yet; whether CreateSecret is allowed cannot be told without doing it.`,
      "Allow secretsmanager:CreateSecret until it is made, or make it without a value.",
    ),
  );
  const fine = writes ? "the secrets are there" : "this node writes nothing";
  return finding("create-secret", faults, `CreateSecret is not needed: ${fine}.`);
}

/** No request that changes nothing needs it, and a policy may allow it to Secrets Manager alone. */
function checkSecretKeys(secrets: readonly Probed[]): Finding[] {
  const faults = secrets.flatMap(({ id, described }) => {
    const key = "answer" in described ? described.answer.KmsKeyId : undefined;
    if (key === undefined) return [];
    return [
      warning(
        `Whether this node may use the KMS key ${key} to write the secret ${id} cannot be told without a commit.`,
        `Check that it is allowed kms:GenerateDataKey and kms:Decrypt on that key, through Secrets Manager (kms:ViaService).`,
      ),
    ];
  });
  return faults.length === 0 ? [] : [finding("secrets-kms-key", faults, "")];
}

function faultsOf(asked: Asked<unknown>, denied: (what: string, fix: string) => Fault): Fault[] {
  if ("answer" in asked || isHarmless(asked)) return [];
  const { error } = asked.failure;
  return [(error.code === "store_permission" ? denied : failing)(error.message, error.fix)];
}

function untried(id: string, operation: string, described: Asked<unknown>): Fault[] {
  // What is not there is said elsewhere, and what is there can be tried when it can be read.
  if (isNotThere(described)) return [];
  return [
    warning(
      `Whether ${operation} is allowed on ${id} cannot be told without reading it.`,
      "Allow this node to read it, and give it a value, then run it again.",
    ),
  ];
}

function notNeeded(what: string): Fault {
  return warning(
    `${what} While steps are off this node does not need it.`,
    "Allow it before you set steps to on.",
  );
}

/** Refused for what was asked, not for who asked. */
const HARMLESS = ["InvalidParameterException", "ResourceNotFoundException"];

function isHarmless(asked: Asked<unknown>): boolean {
  return "failure" in asked && HARMLESS.includes(asked.failure.name);
}

export function isNotThere(asked: Asked<unknown>): boolean {
  return "failure" in asked && asked.failure.name === "ResourceNotFoundException";
}
