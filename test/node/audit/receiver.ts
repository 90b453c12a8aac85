/** Another machine that takes audit records: a real HTTP server in this process, which fails on command. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { afterEach } from "vitest";

export interface Received {
  readonly headers: IncomingHttpHeaders;
  /** The lines of the body, parsed. */
  readonly lines: readonly Record<string, unknown>[];
  /** What was answered. */
  readonly status: number;
}

export interface TestReceiver {
  readonly url: string;
  readonly requests: readonly Received[];
  /** Generations taken, in order of arrival, those sent twice included. */
  readonly generations: readonly number[];
  /** What is answered from now on; `hang` answers nothing. */
  answer: number | "hang";
  /** Resolves when so many requests have been answered. */
  answered(count: number): Promise<void>;
}

const shut: (() => void)[] = [];

afterEach(() => {
  for (const work of shut.splice(0)) work();
});

export async function openReceiver(): Promise<TestReceiver> {
  const requests: Received[] = [];
  const waiting: { count: number; done(): void }[] = [];
  const receiver = {
    url: "",
    requests,
    answer: 204 as number | "hang",
    get generations() {
      const taken = requests.filter(({ status }) => status < 300);
      return taken.flatMap(({ lines }) => lines.flatMap((line) => (line["generation"] as number) ?? []));
    },
    answered: (count: number) =>
      new Promise<void>((done) => {
        if (requests.length >= count) done();
        else waiting.push({ count, done });
      }),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    if (receiver.answer === "hang") return;
    const status = receiver.answer;
    const lines = text.split("\n").slice(0, -1);
    requests.push({ headers: request.headers, lines: lines.map((line) => JSON.parse(line)), status });
    response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
    for (const { count, done } of waiting) if (requests.length >= count) done();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  shut.push(() => {
    server.close();
    server.closeAllConnections();
  });
  receiver.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/audit?key=in-the-query`;
  return receiver;
}
