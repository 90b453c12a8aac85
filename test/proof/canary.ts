/** No private byte leaves keyturn: everything it says is searched for every secret it ever had. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { JWK } from "jose";
import { type Hearing, hearing, type Searched } from "../canary/hearing.ts";
import { httpLife } from "../canary/http-life.ts";
import { managerLife } from "../canary/manager-life.ts";
import { plantedKeysOf, plantedLeaksOf } from "../canary/planted-leaks.ts";
import { processLife, SERVER_LOG, SERVER_OUTPUT } from "../canary/process-life.ts";
import { scanner } from "../canary/scanner.ts";
import {
  secretOfToken,
  secretsOfDocuments,
  secretsOfJwk,
  secretsOfKek,
  secretsOfText,
} from "../canary/secrets.ts";
import { runsOf } from "../fuzz/search.ts";
import { API_TOKEN } from "../fuzz/service.ts";
import { KEK, OTHER_KEK } from "../manager/fleet.ts";
import type { Row, Section } from "./section.ts";

const ALGORITHMS = ["ES256", "EdDSA", "RS256"] as const;
type Sort = (typeof ALGORITHMS)[number];

/** Fuzzed requests of each kind, for each algorithm. */
const REQUESTS = 3000;

export const canary: Section = {
  title: "Secrets",
  async run({ share, seed }) {
    const rows: Row[] = [plantedRow()];
    const searches: Searched[] = [];
    for (const alg of ALGORITHMS) searches.push(await inProcess(alg, runsOf(REQUESTS, share), seed));
    rows.push(searchedRow("manager and HTTP answers, in this process", searches));
    // Processes take their time; a small share has one sort of key.
    const sorts = share < 1 ? ALGORITHMS.slice(0, 1) : ALGORITHMS;
    const lives = [];
    for (const alg of sorts) lives.push(await inProcesses(alg));
    rows.push(
      searchedRow(
        "server, commands, files, report and crash",
        lives.map(({ secrets }) => secrets),
      ),
    );
    rows.push(
      searchedRow(
        "tokens in logs",
        lives.map(({ tokens }) => tokens),
      ),
    );
    const told = lives.filter(({ saidAll }) => saidAll).length;
    rows.push({
      what: "servers whose log, report and crash were heard to the end",
      figure: `${told}/${lives.length}`,
      ok: told === lives.length,
    });
    return rows;
  },
};

/** What the search is worth. */
function plantedRow(): Row {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ];
  const jwks = pairs.map(({ privateKey }) => privateKey.export({ format: "jwk" }) as JWK);
  const kek = { name: "KEK", bytes: randomBytes(32) };
  const planted = [
    ...plantedLeaksOf(kek).map((leak) => ({ ...leak, secrets: [kek] })),
    ...jwks.flatMap((jwk) => plantedKeysOf(jwk).map((leak) => ({ ...leak, secrets: secretsOfJwk(jwk) }))),
  ];
  const found = planted.filter(({ parts, secrets }) => {
    const search = scanner(secrets);
    for (const part of parts) search.scan("planted", part);
    return search.leaks.length > 0;
  });
  return {
    what: "leaks planted and found",
    figure: `${found.length}/${planted.length}`,
    ok: found.length === planted.length,
  };
}

async function inProcess(alg: Sort, requests: number, seed: number): Promise<Searched> {
  const heard = hearing();
  const places = [await managerLife(alg, heard), await httpLife(alg, heard, { requests, seed })];
  const documents = places.flatMap(({ history }) => history.map(({ document }) => document));
  for (const document of documents) heard.hear("stored documents", document);
  const keks = [KEK, OTHER_KEK];
  return heard.search([
    ...keks.flatMap((kek) => secretsOfKek(kek)),
    ...secretsOfText(API_TOKEN, "API token"),
    ...(await secretsOfDocuments(documents, keks)),
  ]);
}

async function inProcesses(alg: Sort) {
  const heard = hearing();
  const { keks, apiToken, documents, tokens } = await processLife(alg, heard);
  const secrets = [
    ...keks.flatMap((kek) => secretsOfKek(kek)),
    ...(await secretsOfDocuments(documents, keks)),
  ];
  const isLog = (source: string) => source === SERVER_LOG || source === SERVER_OUTPUT;
  return {
    // The file with the API token is its home.
    secrets: heard.search(
      [...secrets, ...secretsOfText(apiToken, "API token")],
      (source) => source !== "file api-token",
    ),
    tokens: heard.search(
      tokens.map((token, i) => secretOfToken(token, `token ${i + 1}`)),
      isLog,
    ),
    saidAll: saidAll(heard),
  };
}

/** The last words of a server that was made to report, then to crash. */
function saidAll({ textOf }: Hearing): boolean {
  return (
    textOf(SERVER_OUTPUT).includes('"environmentVariables"') &&
    textOf(SERVER_LOG).includes("token signed") &&
    textOf(SERVER_LOG).includes("Error: planted")
  );
}

function searchedRow(what: string, searches: readonly Searched[]): Row {
  const leaks = searches.flatMap((search) => search.leaks);
  const bytes = searches.reduce((sum, { bytesScanned }) => sum + bytesScanned, 0);
  const told = leaks
    .slice(0, 5)
    .map(({ source, secret, spelling }) => `${secret} as ${spelling} in ${source}`);
  return {
    what,
    figure: `${bytes.toLocaleString("en")} bytes scanned, ${leaks.length} leaks${told.map((leak) => `; ${leak}`).join("")}`,
    ok: leaks.length === 0 && bytes > 0,
  };
}
