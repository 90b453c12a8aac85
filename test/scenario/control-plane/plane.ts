/** A real `keyturn serve` with its control plane, and what an operator asks of it over HTTP. */
import type { Role } from "../../../src/api-tokens/role.ts";
import type { LogLine, NodeProcess } from "../../../src/rehearsal/node-process.ts";
import { startServer } from "../servers.ts";

/** The same however often a server starts, on whichever port. */
export const ISSUER = "https://auth.example.com";

export interface GivenToken {
  readonly id: string;
  readonly token: string;
}

export interface Plane {
  readonly server: NodeProcess;
  /** Has an API token made over HTTP, as who gives them out does. */
  issue(role: Role, expiresInSeconds?: number): Promise<GivenToken>;
  /** With the API token that gives out others. */
  administer(path: string, body: object): Promise<Response>;
}

export async function openPlane(
  folder: string,
  onLog: (line: LogLine) => void = () => {},
  settings: Readonly<Record<string, string>> = {},
): Promise<Plane> {
  const server = await startServer(folder, onLog, { issuer: ISSUER, ...settings });
  // The command line on the host is where the first one with such a role comes from.
  const first = await server.command("api-token", "issue", "--name", "security", "--role", "security");
  const { token } = first as GivenToken;
  const administer = (path: string, body: object) => post(`${server.url}${path}`, token, body);

  return {
    server,
    administer,
    async issue(role, expiresInSeconds) {
      const limited = expiresInSeconds === undefined ? {} : { expiresInSeconds };
      const answer = await administer("/v1/api-tokens", { name: `the ${role}`, role, ...limited });
      if (answer.status !== 201) throw new Error(`no API token: ${await answer.text()}`);
      const issued = (await answer.json()) as { token: string; apiToken: { id: string } };
      return { id: issued.apiToken.id, token: issued.token };
    },
  };
}

export function post(url: string, token: string, body: object, fetcher = fetch): Promise<Response> {
  return fetcher(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}
