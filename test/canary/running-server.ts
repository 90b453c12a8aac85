/** A real `keyturn serve` whose every word is heard, asked everything, made to report and to crash. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { OpenApiDocument } from "../../src/http/admin/openapi.ts";
import type { FuzzedRequest } from "../fuzz/requests.ts";
import type { Answer } from "../fuzz/service.ts";
import { environmentWith, MAIN } from "../fuzz/shell.ts";
import type { Hearing } from "./hearing.ts";
import { type AskedOperations, askOperations } from "./operations.ts";

export type Environment = Readonly<Record<string, string>>;

export const SERVER_LOG = "log of the server";
export const SERVER_OUTPUT = "standard output, report and environment of the server";

/** On a signal the process reports on itself, as an operator would have it do, and then crashes. */
const CRASHING = `data:text/javascript,${encodeURIComponent(`
  process.on("SIGUSR2", () => {
    process.stdout.write(JSON.stringify(process.report.getReport()) + "\\nreported\\n");
    setTimeout(() => { throw Object.assign(new Error("planted"), { env: process.env, argv: process.argv }); }, 50);
  });`)}`;

export interface RunningServer {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly url: string;
}

/** Once it serves. */
export async function serving(
  cwd: string,
  config: string,
  secrets: Environment,
  { hear, textOf }: Hearing,
): Promise<RunningServer> {
  const args = [
    ...["serve", "--config", config, "--listen", "127.0.0.1:0"],
    ...["--log-level", "debug", "--tick-schedule", "* * * * * *"],
  ];
  const child: ChildProcess = spawn(process.execPath, ["--import", CRASHING, MAIN, ...args], {
    cwd,
    env: environmentWith(secrets),
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.on("data", (chunk: Buffer) => hear(SERVER_OUTPUT, chunk));
  child.stderr?.on("data", (chunk: Buffer) => hear(SERVER_LOG, chunk));
  const ended = once(child, "close");
  const said = () => /issuer +(\S+)/.exec(textOf(SERVER_OUTPUT))?.[1];
  while (said() === undefined || !textOf(SERVER_OUTPUT).includes("curl")) {
    const more = await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, "data"),
      ended.then(() => null),
    ]);
    if (more === null) throw new Error(`The server did not come up. ${textOf(SERVER_LOG)}`);
  }
  return { child, ended, url: said() as string };
}

/** All routes, well and badly; returns the tokens that were signed. */
export async function askedToSign(url: string, apiToken: string, { hear }: Hearing): Promise<string[]> {
  const tokens: string[] = [];
  const post = async (authorization: string, body: string) => {
    const headers = { Authorization: authorization, "Content-Type": "application/json" };
    const response = await fetch(`${url}/v1/tokens`, { method: "POST", headers, body });
    const text = await response.text();
    if (response.status === 200) tokens.push((JSON.parse(text) as { token: string }).token);
    else hear("HTTP answers of the server", `${JSON.stringify([...response.headers])}\n${text}`);
  };
  await post(`Bearer ${apiToken}`, '{"claims":{"sub":"user-1"}}');
  await post(`Bearer ${apiToken}`, "{");
  await post(`Bearer ${apiToken}x`, "{}");
  await post(`Basic ${apiToken}`, "{}");
  await post(`Bearer ${apiToken}`, `{"claims":{"iss":"${apiToken}"}}`);
  await post(`Bearer ${apiToken}`, `{"claims":"${apiToken}"}`);
  for (const path of [
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/readyz",
    "/livez",
    "/nowhere",
    `/nowhere/${apiToken}`,
  ]) {
    const response = await fetch(url + path);
    hear("HTTP answers of the server", `${JSON.stringify([...response.headers])}\n${await response.text()}`);
  }
  return tokens;
}

/** @param names what stands for `{operator}` and the like in what is asked */
export async function askedToAdminister(
  url: string,
  names: Readonly<Record<string, string>>,
  heard: Hearing,
): Promise<AskedOperations> {
  const headers = { Authorization: `Bearer ${names["security"]}` };
  const read = async (path: string) => (await fetch(url + path, { headers })).json();
  const document = (await read("/openapi.json")) as OpenApiDocument;
  const { emitter } = (await read("/v1/ring")) as { emitter: string };
  const filledIn = (text: string) =>
    text.replace(
      /\{([a-z]+(?: id)?)\}/g,
      (placeholder, name: string) => ({ ...names, kid: emitter })[name] ?? placeholder,
    );

  const answer = async ({ method, path, headers, body }: FuzzedRequest): Promise<Answer> => {
    const response = await fetch(url + filledIn(path), {
      method,
      headers: headers.map(([name, value]): [string, string] => [name, filledIn(value)]),
      body: typeof body === "string" ? filledIn(body) : null,
    });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  return askOperations(document, answer, heard);
}
