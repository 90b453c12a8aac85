/** No private byte leaves keyturn: everything it says is searched for every secret it ever had. */
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import type { JWK } from "jose";
import { type Hearing, hearing, type Searched } from "../canary/hearing.ts";
import { controlPlaneLife, httpLife } from "../canary/http-life.ts";
import { managerLife, PASSPHRASE } from "../canary/manager-life.ts";
import type { AskedOperations } from "../canary/operations.ts";
import { plantedKeysOf, plantedLeaksOf } from "../canary/planted-leaks.ts";
import { processLife } from "../canary/process-life.ts";
import { SERVER_LOG, SERVER_OUTPUT } from "../canary/running-server.ts";
import { scanner } from "../canary/scanner.ts";
import {
  hashesInBooks,
  secretOfToken,
  secretsOfDocuments,
  secretsOfJwk,
  secretsOfKek,
  secretsOfText,
} from "../canary/secrets.ts";
import type { Secret } from "../canary/writings.ts";
import { runsOf } from "../fuzz/search.ts";
import { API_TOKEN } from "../fuzz/service.ts";
import type { Place } from "../manager/faulty-store.ts";
import { KEK, OTHER_KEK } from "../manager/fleet.ts";
import type { Row, Section } from "./section.ts";

const ALGORITHMS = ["ES256", "EdDSA", "RS256"] as const;
type Sort = (typeof ALGORITHMS)[number];

/** Where hashes of API tokens are at home: in this process, and in a folder. */
const BOOKS = ["stored books", "file .keyturn/api-tokens/"] as const;

/** Fuzzed requests of each kind, for each algorithm. */
const REQUESTS = 3000;

export const canary: Section = {
  title: "Secrets",
  async run({ share, seed }) {
    const requests = runsOf(REQUESTS, share);
    // Processes take their time; a small share has one sort of key.
    const sorts = share < 1 ? ALGORITHMS.slice(0, 1) : ALGORITHMS;
    const within = async () => ({
      inside: await oneByOne(ALGORITHMS, (alg) => inProcess(alg, requests, seed)),
      planes: await oneByOne(sorts, (alg) => onControlPlane(alg, requests, seed)),
    });
    // Side by side, because the one waits for other processes.
    const [{ inside, planes }, lives] = await Promise.all([within(), oneByOne(sorts, inProcesses)]);
    const rows = [
      plantedRow(),
      searchedRow("manager and HTTP answers, in this process", inside),
      searchedRow(
        "control plane, in this process",
        planes.map(({ searched }) => searched),
      ),
      askedRow(planes.map(({ asked }) => asked)),
      searchedRow(
        "server, commands, files, audit, report and crash",
        lives.map(({ secrets }) => secrets),
      ),
      searchedRow(
        "tokens in logs",
        lives.map(({ tokens }) => tokens),
      ),
    ];
    const told = lives.filter(({ saidAll }) => saidAll).length;
    rows.push({
      what: "servers whose log, audit, report and crash were heard to the end",
      figure: `${told}/${lives.length}`,
      ok: told === lives.length,
    });
    return rows;
  },
};

async function oneByOne<A, T>(all: readonly A[], work: (one: A) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  for (const one of all) done.push(await work(one));
  return done;
}

/** One of each sort, with all that it is searched by. */
function plantedSecrets(): Secret[][] {
  const apiToken = `keyturn_${randomBytes(32).toString("base64url")}${randomBytes(4).toString("base64url")}`;
  return [
    [{ name: "KEK", bytes: randomBytes(32) }],
    secretsOfText(apiToken, "API token"),
    [{ name: "hash of an API token", bytes: createHash("sha256").update(apiToken).digest() }],
    secretsOfText(randomBytes(24).toString("base64"), "passphrase"),
    secretsOfText(randomBytes(32).toString("base64url"), "bearer token of the audit"),
  ];
}

/** What the search is worth. */
function plantedRow(): Row {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ];
  const jwks = pairs.map(({ privateKey }) => privateKey.export({ format: "jwk" }) as JWK);
  const planted = [
    ...plantedSecrets().flatMap((secrets) =>
      secrets.flatMap((secret) => plantedLeaksOf(secret).map((leak) => ({ ...leak, secrets }))),
    ),
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
  return heard.search([
    ...secretsOfText(API_TOKEN, "API token"),
    ...secretsOfText(PASSPHRASE, "passphrase"),
    ...(await secretsOfPlaces(places, heard)),
  ]);
}

async function onControlPlane(alg: Sort, requests: number, seed: number) {
  const heard = hearing();
  const { place, book, values, asked } = await controlPlaneLife(alg, heard, { requests, seed });
  const books = book.history.map(({ document }) => document);
  for (const document of books) heard.hear(BOOKS[0], document);
  const secrets = [
    ...values.flatMap((value, i) => secretsOfText(value, `API token ${i + 1}`)),
    ...(await secretsOfPlaces([place], heard)),
  ];
  return { searched: searchedWith(heard, secrets, hashesInBooks(books)), asked };
}

/** Of all rings that were there, which are heard too. */
async function secretsOfPlaces(places: readonly Place[], heard: Hearing): Promise<Secret[]> {
  const documents = places.flatMap(({ history }) => history.map(({ document }) => document));
  for (const document of documents) heard.hear("stored documents", document);
  const keks = [KEK, OTHER_KEK];
  return [...keks.flatMap((kek) => secretsOfKek(kek)), ...(await secretsOfDocuments(documents, keks))];
}

/** Secrets are at home nowhere, hashes of API tokens in their book. */
function searchedWith(heard: Hearing, secrets: readonly Secret[], hashes: readonly Secret[]): Searched {
  const everywhere = heard.search(secrets);
  const outside = heard.search(hashes, (source) => !BOOKS.some((home) => source.startsWith(home)));
  return { leaks: [...everywhere.leaks, ...outside.leaks], bytesScanned: everywhere.bytesScanned };
}

/** What was not asked for is not searched. */
function askedRow(lives: readonly AskedOperations[]): Row {
  const missing = lives.flatMap(({ all, granted, refused }) =>
    [...all].flatMap((id) => [
      ...(granted.has(id) ? [] : [`${id} was never granted`]),
      ...(refused.has(id) ? [] : [`${id} was never refused`]),
    ]),
  );
  const all = new Set(lives.flatMap((life) => [...life.all]));
  return {
    what: "operations of /openapi.json granted and refused",
    figure: [`${all.size}`, ...new Set(missing)].join("; "),
    ok: missing.length === 0 && all.size > 0,
  };
}

async function inProcesses(alg: Sort) {
  const heard = hearing();
  const { keks, texts, importedJwk, documents, books, tokens, auditSent } = await processLife(alg, heard);
  const secrets = [
    ...keks.flatMap((kek) => secretsOfKek(kek)),
    ...texts.flatMap(([name, text]) => secretsOfText(text, name)),
    ...secretsOfJwk(importedJwk),
    ...(await secretsOfDocuments(documents, keks)),
  ];
  const isLog = (source: string) => source === SERVER_LOG || source === SERVER_OUTPUT;
  return {
    secrets: searchedWith(heard, secrets, hashesInBooks(books)),
    tokens: heard.search(
      tokens.map((token, i) => secretOfToken(token, `token ${i + 1}`)),
      isLog,
    ),
    saidAll: saidAll(heard) && auditSent,
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
