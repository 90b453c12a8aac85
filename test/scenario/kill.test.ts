/** Servers that end: killed at any moment, and asked to stop with requests under way. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Status } from "../../src/manager/status.ts";
import { createLedger } from "../../src/rehearsal/ledger.ts";
import type { NodeProcess } from "../../src/rehearsal/node-process.ts";
import { startTraffic } from "../../src/rehearsal/traffic.ts";
import { cleanEnvironment, newFolder, startServer, wholeHistory } from "./servers.ts";

const KILLS = 10;

describe("a server that is killed", () => {
  const operators: ChildProcess[] = [];
  afterEach(() => {
    for (const operator of operators.splice(0)) operator.kill("SIGKILL");
  });

  it(`leaves a whole ring, ${KILLS} times at a random moment under load, and the next one carries on`, {
    timeout: 120_000,
  }, async () => {
    const folder = await newFolder();
    let generations = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const server = await startServer(folder);
      const operator = busyOperator(folder);
      operators.push(operator);
      const { url, apiToken } = server;
      const ledger = createLedger();
      const load = { url, apiToken, audience: "load", verifiers: [], ledger, clock: systemClock };
      const traffics = [startTraffic(load), startTraffic(load)];
      await once(operator.stdout as NodeJS.ReadableStream, "data");
      await delay(Math.random() * 1000);

      server.send("SIGKILL");
      operator.kill("SIGKILL");
      expect(await server.ended).toBeNull();
      await Promise.all(traffics.map((traffic) => traffic.stop()));
      expect(Object.values(ledger.read().signedBy)[0]).toBeGreaterThan(0);

      // The ring is whole, nothing of it is lost, and its history goes on where it stopped.
      const status = (await server.command("status")) as Status;
      expect(status.generation).toBeGreaterThan(generations);
      const { length } = await wholeHistory(folder);
      expect(length).toBe(status.generation);
      await server.command(status.pausedAt === null ? "pause" : "resume");
      expect(await wholeHistory(folder)).toHaveLength(status.generation + 1);
      expect(
        (await readdir(join(folder, "ring"))).filter((name) => !/^ring\.\d{10}\.json$/.test(name)),
      ).toEqual([]);
      generations = status.generation + 1;
    }
    const revived = await startServer(folder);
    expect((await fetch(`${revived.url}/readyz`)).status).toBe(200);
    expect(await revived.stop()).toBe(0);
  });

  function busyOperator(folder: string): ChildProcess {
    const script = fileURLToPath(new URL("busy-operator.ts", import.meta.url));
    return spawn(process.execPath, [script, folder], {
      env: cleanEnvironment(),
      stdio: ["ignore", "pipe", "inherit"],
    });
  }
});

describe("a server that is asked to stop", () => {
  it("finishes the request under way, takes no new one, and ends with status 0 and a whole ring", async () => {
    const folder = await newFolder();
    const server = await startServer(folder);
    const underWay = beginSigning(server);
    await underWay.taken;

    server.send("SIGTERM");
    await refusesConnections(server);
    underWay.finish();
    const { status, body } = await underWay.answer;
    expect(status).toBe(200);
    expect(JSON.parse(body)).toHaveProperty("token");

    expect(await server.ended).toBe(0);
    const { generation } = (await server.command("status")) as Status;
    expect(await wholeHistory(folder)).toHaveLength(generation);
    expect(await readdir(join(folder, "ring"))).toHaveLength(generation);
  });

  it("does not wait for clients that keep their connections open", async () => {
    const server = await startServer(await newFolder());
    // fetch keeps its connection for the next request.
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    const underWay = beginSigning(server);
    await underWay.taken;
    const askedAt = performance.now();
    server.send("SIGTERM");
    await refusesConnections(server);
    underWay.finish();
    expect((await underWay.answer).status).toBe(200);
    expect(await server.ended).toBe(0);
    expect(performance.now() - askedAt).toBeLessThan(5_000);
  });

  it("ends at once when it is asked twice", async () => {
    const server = await startServer(await newFolder());
    const underWay = beginSigning(server);
    underWay.answer.catch(() => undefined);
    await underWay.taken;
    server.send("SIGTERM");
    await refusesConnections(server);
    server.send("SIGTERM");
    expect(await server.ended).toBe(143);
  });
});

/** A request that the server has taken up, and that it cannot answer until `finish` sends the body. */
function beginSigning({ url, apiToken }: NodeProcess) {
  const body = JSON.stringify({ claims: { sub: "slow" } });
  const sending = request(`${url}/v1/tokens`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${apiToken}`,
      "Content-Type": "application/json",
      "Content-Length": body.length,
      // The server answers 100 as it takes the request up (RFC 9110 section 10.1.1).
      Expect: "100-continue",
    },
  });
  sending.flushHeaders();
  const answer = (async () => {
    const [response] = (await once(sending, "response")) as [NodeJS.ReadableStream & { statusCode: number }];
    let text = "";
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, body: text };
  })();
  return { taken: once(sending, "continue"), finish: () => void sending.end(body), answer };
}

async function refusesConnections({ url }: NodeProcess): Promise<void> {
  for (;;) {
    const connected = await new Promise((resolve) => {
      const probe = request(`${url}/livez`, { agent: false });
      probe
        .on("response", (response) => resolve(response.resume()))
        .on("error", () => resolve(null))
        .end();
    });
    if (connected === null) return;
    await delay(20);
  }
}
