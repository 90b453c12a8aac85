import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { JWK } from "jose";
import { describe, expect, it } from "vitest";
import { parseKek } from "../../src/keys/kek.ts";
import { openJwk } from "../../src/keys/seal.ts";
import { openRing } from "../../src/keys/sealed-ring.ts";
import { ringFolder } from "../../src/node/config.ts";
import { firstToken } from "../node/opened.ts";
import { configIn, newPlace, put } from "../node/place.ts";
import { keyturn, start } from "./keyturn.ts";
import { kidOf, turnedOver } from "./turned-over.ts";

/** Everything that must stay inside, in every spelling in which it could come out. */
async function secretsOf(place: string): Promise<string[]> {
  const config = await configIn(place);
  const [kek, token] = [await readFile(config.kekFile, "utf8"), await firstToken(config)];
  const [newest] = (await readdir(ringFolder(config))).sort().reverse();
  const document = await readFile(join(ringFolder(config), newest as string), "utf8");
  const { ring, kek: opened } = await openRing(document, [await parseKek(kek)]);
  const jwks: JWK[] = await Promise.all(
    ring.keys.map(({ kid, sealedJwk }) => openJwk(sealedJwk, { ring: ring.id, kid }, opened)),
  );
  const bytes = [kek, ...jwks.map(({ d }) => d as string)].map((text) =>
    Buffer.from(text.trim(), "base64url"),
  );
  expect(bytes.every(({ length }) => length === 32)).toBe(true);
  const encodings = ["base64url", "base64", "hex"] as const;
  const spelled = bytes.flatMap((secret) => encodings.map((encoding) => secret.toString(encoding)));
  return [...spelled, ...spelled.map((text) => text.toUpperCase()), token];
}

/** What the command line shows on either side. */
async function shown(place: string, args: readonly string[], options = {}): Promise<string> {
  const { stdout, stderr } = await keyturn(place, args, options);
  return stdout + stderr;
}

describe("the command line", () => {
  it("never shows KEK, API token or a private key, whatever it is asked and however it fails", async () => {
    const place = await newPlace();
    const keys = await turnedOver(place);
    const secrets = await secretsOf(place);
    const [kek] = secrets as [string];
    const commands: readonly (readonly string[])[] = [
      ["init", "--json"],
      ["status", "--json"],
      ["jwks"],
      ["sign", "--json"],
      ["revoke", kidOf(keys, "retiring"), "--reason", "a test", "--yes"],
      ["status", "--kek", kek],
      ["status", `--kek-fil=${kek}`],
    ];
    const outputs = await Promise.all(commands.map((args) => shown(place, args)));
    outputs.push(await shown(place, ["verify"], { input: kek }));
    outputs.push(await shown(place, ["status"], { env: { KEYTURN_KEK: `${kek}x` } }));
    outputs.push(await shown(place, ["status"], { env: { KEYTURN_PREVIOUS_KEK: kek.slice(1) } }));
    await put(join(place, "keyturn.yaml"), `kek: ${kek}\n  bad: [`);
    outputs.push(await shown(place, ["status"]));
    await put(join(place, "keyturn.yaml"), `kek: ${kek}\n`);
    outputs.push(await shown(place, ["status"]));

    expect(outputs.every((output) => output.length > 20)).toBe(true);
    const everything = outputs.join("\n");
    for (const secret of secrets) expect(everything.includes(secret), secret.slice(0, 4)).toBe(false);
    // The net is tight enough: it holds what does belong in the output.
    expect(everything).toContain(kidOf(keys, "emitting"));
  });

  it("nor does a server, in its log at the finest level or in any answer", async () => {
    const place = await newPlace();
    await turnedOver(place);
    const secrets = await secretsOf(place);
    const token = secrets.at(-1) as string;
    const child = start(place, ["serve", "--listen", "127.0.0.1:0", "--log-level", "debug"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let heard = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (chunk: string) => (heard += chunk));
    await expect.poll(() => heard, { timeout: 10_000, interval: 10 }).toContain("curl -s");
    const url = /issuer +(\S+)/.exec(heard)?.[1] as string;
    const post = async (authorization: string, body: string) => {
      const headers = { Authorization: authorization, "Content-Type": "application/json" };
      const response = await fetch(`${url}/v1/tokens`, { method: "POST", headers, body });
      heard += JSON.stringify([...response.headers]) + (await response.text());
      return response.status;
    };
    expect(await post(`Bearer ${token}`, '{"claims":{"sub":"user-1"}}')).toBe(200);
    expect(await post(`Bearer ${token}`, "{")).toBe(400);
    expect(await post(`Bearer ${token}x`, "{}")).toBe(401);
    for (const path of ["/.well-known/jwks.json", "/readyz", "/nowhere", `/${token}`])
      heard += await (await fetch(url + path)).text();
    await expect.poll(() => heard, { timeout: 10_000, interval: 10 }).toContain("token refused");
    expect(heard).toContain("token signed");
    child.kill("SIGINT");
    await expect.poll(() => heard, { timeout: 10_000, interval: 10 }).toContain('"stopped"');
    for (const secret of secrets) expect(heard.includes(secret), secret.slice(0, 4)).toBe(false);
  });
});
