/** The Worker in local workerd as what is rehearsed: commanded over HTTP, heard by its log. */
import type { RevokeView } from "../../src/http/admin/answers.ts";
import { failed } from "../../src/rehearsal/acts.ts";
import type { LogLine } from "../../src/rehearsal/node-process.ts";
import { REHEARSED_POLICY } from "../../src/rehearsal/scale.ts";
import type { Operator, Rehearsed } from "../../src/rehearsal/server.ts";
import { type AuditRecord, verifyChain } from "../../src/ring/audit.ts";
import { environmentName } from "../../src/setting-text.ts";
import { type RunningWorker, SECRETS, startWorker } from "./running-worker.ts";

/** Its policy as vars. */
export const REHEARSED_VARS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(REHEARSED_POLICY).map(([name, value]) => [environmentName(name), String(value)]),
);

const HEAR_EVERY_MILLISECONDS = 50;
const LAST_WORDS = 5;

/** @param onRevoked told of what a revoke has answered */
export function rehearsedWorker(onRevoked: (answer: RevokeView) => void = () => {}): Rehearsed {
  return {
    store: "a Durable Object on this machine",
    async start({ onLog, atEnd }) {
      const worker = await startWorker({ vars: REHEARSED_VARS });
      atEnd(worker.stop);
      atEnd(hear(worker, onLog));
      return {
        url: worker.url,
        apiToken: await issued(worker, "signer"),
        operator: operatorOver(worker.url, await issued(worker, "operator"), onRevoked),
        ended: worker.ended,
        lastWords: () => lastWords(worker),
      };
    },
  };
}

/** Tells what the Worker logs from now on, and what it has logged. Gives what ends that. */
export function hear({ lines }: Pick<RunningWorker, "lines">, onLog: (line: LogLine) => void): () => void {
  let heard = 0;
  const listening = setInterval(() => {
    for (const { level, ...line } of lines().slice(heard)) {
      heard++;
      onLog(line as LogLine);
    }
  }, HEAR_EVERY_MILLISECONDS);
  return () => clearInterval(listening);
}

/** An API token of its own, in the book of the object. */
async function issued({ url }: RunningWorker, role: "signer" | "operator"): Promise<string> {
  const body = { name: `rehearsal-${role}`, role };
  const { token } = await asked<{ token: string }>(url, SECRETS.KEYTURN_ADMIN_TOKEN, "/v1/api-tokens", body);
  return token;
}

export function operatorOver(
  url: string,
  token: string,
  onRevoked: (answer: RevokeView) => void = () => {},
): Operator {
  const ask = <T>(path: string, body?: object) => asked<T>(url, token, path, body);
  const audit = () => wholeAudit(url, token);
  return {
    status: () => ask("/v1/ring"),
    rollback: (reason) => ask("/v1/ring/rollback", { reason }),
    pause: (reason) => ask("/v1/ring/pause", { reason }),
    resume: () => ask("/v1/ring/resume", {}),
    async revoke(kid, reason) {
      const answer = await ask<RevokeView>(`/v1/keys/${kid}/revoke`, { reason, emergency: true });
      onRevoked(answer);
      return answer;
    },
    verifyAudit: async () => verifyChain(await audit()),
    audit,
  };
}

async function wholeAudit(url: string, token: string): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: { records: AuditRecord[]; next: number | null } = await asked(
      url,
      token,
      `/v1/audit?limit=5&after=${after}`,
    );
    records.push(...page.records);
    after = page.next;
  }
  return records;
}

async function asked<T>(url: string, token: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    // Right for any ring: what the acts ask for is right at every generation.
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "If-Match": "*" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw failed(`${path}: status ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

function lastWords({ lines }: RunningWorker): string {
  const grave = lines().filter(({ level }) => ["warn", "error"].includes(level));
  return grave
    .slice(-LAST_WORDS)
    .map((line) => JSON.stringify(line))
    .join("\n");
}
