/** A Worker whose route only bearers of a valid token reach, by keyturn and by jose, beside the same on Node. */
import { type Issuer, openIssuer } from "../issuer.ts";
import { type LoadGenerator, requestText, startLoadGenerator } from "../load.ts";
import { CLAIMS, ISSUER } from "../peers.ts";
import { reply, start, stop } from "../processes.ts";
import type { Figure, Group } from "../report.ts";
import { ask, type Request } from "../served.ts";
import { bundled, protectedCode } from "./bundles.ts";
import { type Server, type Side, sideBySide } from "./side-by-side.ts";
import { startWorker } from "./workerd.ts";

const CONNECTIONS = 32;

/** Twice what the verifier's cache holds by default, so that each token has been forgotten when it comes again. */
const NEW_TOKENS = 10_000;
/** Shown again and again, and all remembered. */
const SESSIONS = 1000;

const GROUP = "edge/verify";

export const edgeVerifyGroups: readonly Group[] = [
  {
    name: GROUP,
    run: ({ quick }) => measure(quick ? 1 : 9),
    note: "raw is a Worker that only checks the signature, under a key that it was given. ES256.",
  },
];

async function measure(rounds: number): Promise<Figure[]> {
  const issuer = await openIssuer("ES256");
  const load = startLoadGenerator();
  const stops: (() => unknown)[] = [() => issuer.close(), () => load.stop()];
  try {
    const vars = { ISSUER, AUDIENCE: CLAIMS.aud, JWKS_URL: issuer.jwksUrl };
    const services = { AUTH: Number(new URL(issuer.jwksUrl).port) };
    const key = JSON.stringify(issuer.publicKey.export({ format: "jwk" }));
    const [raw, keyturn, again, jose] = await Promise.all([
      startWorker({
        code: await bundled(new URL("./bare-verifier-worker.ts", import.meta.url)),
        vars: { KEY: key },
      }),
      startWorker({ code: await protectedCode(), vars, services }),
      startWorker({ code: await protectedCode(), vars, services }),
      startWorker({ code: await bundled(new URL("./jose-worker.ts", import.meta.url)), vars }),
    ]);
    stops.push(raw.stop, keyturn.stop, again.stop, jose.stop);
    const [node, nodeAgain] = await Promise.all([onNode(issuer, stops), onNode(issuer, stops)]);
    for (const { port } of [raw, keyturn, again, jose, node, nodeAgain]) await assertProtects(port, issuer);

    await tell(load, "new", issuer, NEW_TOKENS);
    await tell(load, "sessions", issuer, SESSIONS);
    const side = (name: string, server: Server, series: string, others: readonly string[] = []): Side => ({
      ...{ name, server, request: { series } },
      beside: others.map((other) => ({ case: other })),
    });
    const sides = [
      side("raw", raw, "new"),
      side("keyturn, every token new", keyturn, "new", [
        "jose, every token new",
        "keyturn on Node, every token new",
      ]),
      side("keyturn, sessions", again, "sessions", ["jose, every token new", "keyturn on Node, sessions"]),
      side("jose, every token new", jose, "new"),
      side("keyturn on Node, every token new", node, "new"),
      side("keyturn on Node, sessions", nodeAgain, "sessions"),
    ];
    return await sideBySide(load, sides, { group: GROUP, connections: CONNECTIONS, rounds });
  } finally {
    await Promise.all(stops.map((end) => end()));
  }
}

async function onNode({ jwksUrl }: Issuer, stops: (() => unknown)[]): Promise<Server> {
  const module = new URL("./node-verifier.ts", import.meta.url);
  const child = start(module, "server", [ISSUER, CLAIMS.aud, jwksUrl]);
  stops.push(() => stop(child));
  return { pid: child.pid ?? 0, port: await reply<number>(child) };
}

async function tell(load: LoadGenerator, series: string, issuer: Issuer, count: number): Promise<void> {
  const requests: string[] = [];
  while (requests.length < count) requests.push(requestText(bearing(await issuer.sign())));
  await load.know({ series, requests });
}

function bearing(token: string): Request {
  return { path: "/", headers: { Authorization: `Bearer ${token}` } };
}

/** Nobody gets ahead by leaving the signature out. */
async function assertProtects(port: number, issuer: Issuer): Promise<void> {
  const good = await issuer.sign();
  const at = good.lastIndexOf(".") + 20;
  const forged = good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
  const { status, body } = await ask(port, bearing(good));
  if (status !== 200 || !body.includes(CLAIMS.sub))
    throw new Error(`Port ${port} refuses a good token: ${status}`);
  const refused = await ask(port, bearing(forged));
  if (refused.status !== 401) throw new Error(`Port ${port} answers a forged token with ${refused.status}`);
}
