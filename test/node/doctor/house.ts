/** A node's folder and what stands in for its public JWKS URL, each as wrong as a test wants it. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import { jwksAnswers } from "../../../src/http/jwks.ts";
import { createKeyManager, type KeyManager } from "../../../src/manager/manager.ts";
import { type Config, ringFolder } from "../../../src/node/config.ts";
import type { Answered } from "../../../src/node/doctor/public-jwks.ts";
import { createKek, readKeks } from "../../../src/node/secrets.ts";
import { fileStore } from "../../../src/store/file.ts";
import { firstToken } from "../opened.ts";
import { configIn, newPlace } from "../place.ts";

const open: (() => void)[] = [];

afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A server on loopback that answers as told, gone when the test ends; its URL. */
export async function answering(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  open.push(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
}

/** Answers as keyturn does, headers changed on the way by whatever stands before it. */
export function behind(
  keys: KeyManager,
  change: (headers: Map<string, string>) => void = () => {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const answers = jwksAnswers(keys);
  return (request, response) => {
    const { status, headers, body } = answers(request.headers["if-none-match"]);
    const pairs = new Map<string, string>();
    for (let i = 0; i < headers.length; i += 2) pairs.set(headers[i] as string, headers[i + 1] as string);
    change(pairs);
    response.writeHead(status, Object.fromEntries(pairs)).end(body ?? "");
  };
}

export interface House {
  readonly place: string;
  readonly config: Config;
  readonly keys: KeyManager;
}

/** A ring just made, in a folder of its own, and the first API token. */
export async function house(flags: Readonly<Record<string, string>> = {}): Promise<House> {
  const place = await newPlace();
  const config = await configIn(place, flags);
  await createKek(config, {});
  const { kek } = await readKeks(config, {});
  const { issuer, policy } = config;
  const keys = await createKeyManager({ store: fileStore(ringFolder(config)), kek, issuer, policy });
  await firstToken(config);
  return { place, config, keys };
}

export const NOW = 1_800_000_000;

/** What a healthy server answers under the default policy, with changes. */
export function answered(change: Partial<Answered> = {}): Answered {
  return {
    document: { keys: [], ring: null, generation: null },
    cacheControl: "public, max-age=530, must-revalidate",
    date: new Date(NOW * 1000).toUTCString(),
    etag: '"e"',
    ageSeconds: 0,
    revalidates: true,
    askedAt: NOW,
    answeredAt: NOW,
    ...change,
  };
}
