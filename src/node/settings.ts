/**
 * Every setting: its name, what it means, its default and why. The configuration file, the flags,
 * the environment, `--help`, the file that `keyturn init` writes and the table in README.md all
 * come from this one list.
 */
import { DEFAULT_POLICY, type RotationPolicy } from "../ring/policy.ts";

/** The settings as they are once complete; the policy stands among them, field by field. */
export interface Settings extends RotationPolicy {
  readonly issuer: string;
  readonly listen: string;
  readonly folder: string;
  readonly store: "file" | "aws-secrets-manager";
  readonly secretId: string | null;
  readonly apiTokensSecretId: string | null;
  readonly awsRegion: string | null;
  readonly awsEndpoint: string | null;
  readonly writesEverySeconds: number | null;
  readonly kekSecretId: string | null;
  readonly kmsKeyId: string | null;
  readonly kekFile: string;
  readonly previousKekFile: string | null;
  readonly apiTokenFile: string;
  readonly auditLog: string;
  readonly auditUrl: string | null;
  readonly auditTokenFile: string | null;
  readonly jwksUrl: string | null;
  readonly probe: boolean;
  readonly tokenTyp: string;
  readonly tickSchedule: string;
  readonly steps: "on" | "off";
  readonly adminListen: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export interface Setting {
  readonly name: keyof Settings;
  /** As shown to people. */
  readonly default: string;
  /** What it means, then why it is as it is by default. */
  readonly about: string;
}

export const SETTINGS: readonly Setting[] = [
  {
    name: "issuer",
    default: "http://<listen>",
    about: "The iss of every token: an https URL, or http on loopback. Good enough to try keyturn out.",
  },
  {
    name: "listen",
    default: "127.0.0.1:3000",
    about: "Address and port of the server. Loopback: what is to be reached from outside is for you to say.",
  },
  {
    name: "folder",
    default: ".keyturn",
    about: "Where ring, KEK, API token and audit log lie. One folder to protect.",
  },
  {
    name: "store",
    default: "file",
    about:
      "Where the ring and the API tokens are kept: file (in folder: one machine, no service), or aws-secrets-manager (short: aws).",
  },
  {
    name: "secretId",
    default: "none",
    about:
      "The secret with the ring, by name or ARN, for store aws-secrets-manager. No ring is found by chance.",
  },
  {
    name: "apiTokensSecretId",
    default: "<the name in secretId>-api-token-book",
    about:
      "The secret with the API tokens. Apart from the ring, so that neither uses up the other's commits.",
  },
  {
    name: "awsRegion",
    default: "<what the SDK finds>",
    about:
      "Region of the secrets and the KMS key. An ARN has its own; else AWS_REGION or the profile says it.",
  },
  {
    name: "awsEndpoint",
    default: "<what the SDK finds>",
    about:
      "Where the services answer, if not at their usual place: a VPC endpoint, or an emulator on loopback.",
  },
  {
    name: "writesEverySeconds",
    default: "<what the store bears>",
    about:
      "What the store bears in the long run: one commit in that many seconds. 0 where there is no limit, as in an emulator.",
  },
  {
    name: "kekSecretId",
    default: "none",
    about:
      "The secret with the KEK, instead of kekFile; not the ring's. A new value there, then `keyturn rewrap`.",
  },
  {
    name: "kmsKeyId",
    default: "none",
    about:
      "KMS key that wraps the KEK where it is kept, so that whoever can read that place still lacks the KEK.",
  },
  {
    name: "kekFile",
    default: "<folder>/kek",
    about:
      "File with the key-encryption key (or KEYTURN_KEK in the environment). Keep its backup apart from the ring's.",
  },
  {
    name: "previousKekFile",
    default: "none",
    about:
      "File with the KEK before (or KEYTURN_PREVIOUS_KEK), until `keyturn rewrap` has moved the ring to the new one.",
  },
  {
    name: "apiTokenFile",
    default: "<folder>/api-token",
    about:
      "File for the first API token, which may sign. A token put there (or into KEYTURN_API_TOKEN) by others signs too, as long as it is there.",
  },
  {
    name: "auditLog",
    default: "<folder>/audit.jsonl",
    about: 'File to which every audit record is appended, or "stdout". The ring keeps the newest only.',
  },
  {
    name: "auditUrl",
    default: "none",
    about:
      "URL to which every audit record is posted as well, at least once and in order. For a log elsewhere.",
  },
  {
    name: "auditTokenFile",
    default: "none",
    about: "File with the bearer token for auditUrl (or KEYTURN_AUDIT_TOKEN).",
  },
  {
    name: "jwksUrl",
    default: "<issuer>/.well-known/jwks.json",
    about:
      "Where the public finds the JWKS, for discovery and probe. Set it when a CDN or another host serves it.",
  },
  {
    name: "probe",
    default: "false",
    about: "Start a new key's hold only when jwksUrl is seen to show it. For deployments behind a CDN.",
  },
  {
    name: "tokenTyp",
    default: "JWT",
    about: "The typ in the header of tokens. at+jwt makes them access tokens of RFC 9068.",
  },
  {
    name: "tickSchedule",
    default: "* * * * *",
    about: "When to look for a due step, as a cron expression. A minute is early enough and costs one read.",
  },
  {
    name: "steps",
    default: "on",
    about:
      "Off: this node takes no step and writes nothing unasked. Read anew from the file each time; `keyturn pause` stops all nodes.",
  },
  {
    name: "adminListen",
    default: "same",
    about:
      "Where the admin API answers: same (beside the rest, to callers on this machine), address:port, unix:<path>, or off.",
  },
  {
    name: "logLevel",
    default: "info",
    about: "Least level that is logged: debug, info, warn or error.",
  },
  {
    name: "alg",
    default: DEFAULT_POLICY.alg,
    about: "Algorithm of the next key. ES256: short tokens, fast to sign, in every JWT library.",
  },
  {
    name: "rsaBits",
    default: String(DEFAULT_POLICY.rsaBits),
    about:
      "Size of the next RSA key (2048, 3072, 4096), for RS and PS algorithms. 3072 is as strong as ES256.",
  },
  {
    name: "rotateEverySeconds",
    default: String(DEFAULT_POLICY.rotateEverySeconds),
    about: "How long one key emits. A month: turnover is routine, and the JWKS stays at two keys.",
  },
  {
    name: "jwksCacheSeconds",
    default: String(DEFAULT_POLICY.jwksCacheSeconds),
    about:
      "C: how long anyone may keep the JWKS. What jose and jwks-rsa keep it for, whatever its headers say.",
  },
  {
    name: "tokenSeconds",
    default: String(DEFAULT_POLICY.tokenSeconds),
    about: "T: longest lifetime of a token; more is refused. The shorter, the sooner an old key can go.",
  },
  {
    name: "skewSeconds",
    default: String(DEFAULT_POLICY.skewSeconds),
    about:
      "S: clock difference tolerated between two machines; three of it pay for rounding. Far more than NTP leaves.",
  },
  {
    name: "refreshSeconds",
    default: String(DEFAULT_POLICY.refreshSeconds),
    about: "R: how often a node reloads the ring. Its lag behind a commit; a store can be read that often.",
  },
  {
    name: "leaseSeconds",
    default: String(DEFAULT_POLICY.leaseSeconds),
    about: "P: oldest copy of the ring that a node may sign with. Four refreshes may fail before it stops.",
  },
  {
    name: "fetchSeconds",
    default: String(DEFAULT_POLICY.fetchSeconds),
    about: "F: one fetch of the JWKS, time-out included. The time-out of jose.",
  },
  {
    name: "leewaySeconds",
    default: String(DEFAULT_POLICY.leewaySeconds),
    about: "L: how far past exp your verifiers still accept a token. A customary leeway.",
  },
  {
    name: "overlapSeconds",
    default: "<2 × jwksCacheSeconds>",
    about: "Floor of both holds. One edge cache and one verifier cache; a value too short is refused.",
  },
  {
    name: "standby",
    default: String(DEFAULT_POLICY.standby),
    about: "Keep a successor published at all times, so that an emergency revoke rejects no new token.",
  },
];

export const SETTING_NAMES: readonly string[] = SETTINGS.map(({ name }) => name);

/** Secrets, by the names under which people try to put them where settings stand. */
export const SECRET_SETTINGS: readonly string[] = ["kek", "previousKek", "apiToken", "auditToken"];
