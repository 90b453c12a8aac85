/** `sign` and `verify`, for trying things out and for scripts on the host. */
import type { Command } from "commander";
import { createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet, jwtVerify } from "jose";
import { KeyturnError } from "../errors.ts";
import type { Claims, SignOptions } from "../manager/token.ts";
import { command, type Options, option, usage, withJson, withRing, withSettings } from "./command.ts";
import { formatInstant, printResult } from "./print.ts";

export function signCommand(): Command {
  const declared = command(
    "sign",
    "sign a JWT and print it",
    "keyturn sign --sub user-1 --aud orders",
    `keyturn sign --sub user-1 --claims '{"role":"admin"}' --expires-in-seconds 60`,
  );
  return withSettings(withJson(declared), false)
    .addOption(option("--sub <text>", "the subject"))
    .addOption(option("--aud <text>", "the audience"))
    .addOption(option("--claims <json>", "further claims, a JSON object"))
    .addOption(option("--expires-in-seconds <n>", "lifetime; default and limit is the policy's tokenSeconds"))
    .action((options: Options) =>
      withRing(options, async (manager) => {
        const signed = await manager.sign(claimsOf(options), lifetimeOf(options));
        printResult(signed, options["json"] === true, () => signed.token);
      }),
    );
}

export function verifyCommand(): Command {
  const declared = command(
    "verify",
    "verify a JWT read from standard input",
    "keyturn sign --sub user-1 | keyturn verify",
    "keyturn verify --jwks https://auth.example.com/.well-known/jwks.json --aud orders < token.jwt",
  );
  return withSettings(withJson(declared), false)
    .addOption(option("--jwks <url>", "verify against this JWKS instead of the ring's"))
    .addOption(option("--aud <text>", "the audience that the token must be for"))
    .action(async (options: Options) => {
      const token = await tokenFromStdin();
      const result =
        typeof options["jwks"] === "string"
          ? await verified(token, await fetchedJwks(options["jwks"]), options["issuer"], options["aud"])
          : await withRing(options, async (manager, { issuer }) =>
              verified(token, createLocalJWKSet({ keys: [...manager.jwks().keys] }), issuer, options["aud"]),
            );
      printResult(result, options["json"] === true, () => describe(result));
    });
}

interface Verified {
  readonly kid: string | undefined;
  readonly claims: { readonly exp?: number };
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

const FETCH_MILLISECONDS = 5000;

/** As a verifier would: within a few seconds, and from that URL itself. */
async function fetchedJwks(text: string): Promise<KeySet> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usage(
      "--jwks is not an http(s) URL.",
      "Write it like: https://auth.example.com/.well-known/jwks.json",
    );
  }
  const signal = AbortSignal.timeout(FETCH_MILLISECONDS);
  const response = await fetch(url, { signal, redirect: "error" }).catch((error: Error) => {
    throw unavailable(url, (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.name);
  });
  if (!response.ok) throw unavailable(url, `status ${response.status}`);
  try {
    return createLocalJWKSet((await response.json()) as JSONWebKeySet);
  } catch {
    throw unavailable(url, "the answer is no JWKS");
  }
}

/** Of the URL only what cannot hold a password. */
function unavailable({ origin, pathname }: URL, why: string): KeyturnError {
  return new KeyturnError("jwks_unavailable", `No JWKS came from ${origin}${pathname} (${why}).`, {
    fix: "Check the URL, and whether that server runs.",
  });
}

async function verified(
  token: string,
  keys: KeySet,
  issuer: string | boolean | undefined,
  audience: string | boolean | undefined,
): Promise<Verified> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      ...(typeof issuer === "string" ? { issuer } : {}),
      ...(typeof audience === "string" ? { audience } : {}),
    });
    return { kid: decodeProtectedHeader(token).kid, claims: payload };
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    // jose's message tells which check failed and never quotes the token.
    throw new KeyturnError("token_invalid", `The token does not verify: ${error.message}.`, {
      fix: `Check the clock, and that ${expectations(issuer, audience)}; \`keyturn jwks\` shows the published keys.`,
      cause: error,
    });
  }
}

function expectations(issuer: string | boolean | undefined, audience: string | boolean | undefined): string {
  return `issuer ${issuer ?? "(any)"} and audience ${audience ?? "(any)"} are what is meant`;
}

function claimsOf({ sub, aud, claims }: Options): Claims {
  return {
    ...(typeof claims === "string" ? parsedClaims(claims) : {}),
    ...(typeof sub === "string" ? { sub } : {}),
    ...(typeof aud === "string" ? { aud } : {}),
  };
}

function lifetimeOf({ expiresInSeconds }: Options): SignOptions {
  if (expiresInSeconds === undefined) return {};
  if (typeof expiresInSeconds === "string" && /^\d{1,9}$/.test(expiresInSeconds))
    return { expiresInSeconds: Number(expiresInSeconds) };
  throw usage(
    "--expires-in-seconds is not a whole number of seconds.",
    "Write it like: --expires-in-seconds 300",
  );
}

function parsedClaims(json: string): Claims {
  try {
    const claims: unknown = JSON.parse(json);
    if (typeof claims === "object" && claims !== null && !Array.isArray(claims)) return claims as Claims;
  } catch {
    // Said below, for both.
  }
  throw usage("--claims is not a JSON object.", `Write it like: --claims '{"role":"admin"}'.`);
}

/** A token is a secret while it lives, and arguments are visible to every process: so it comes in here. */
async function tokenFromStdin(): Promise<string> {
  if (process.stdin.isTTY)
    throw usage("The token is read from standard input.", "Pipe it in: keyturn verify < token.jwt");
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk;
  const token = text.trim();
  if (token === "") throw usage("Standard input is empty.", "Pipe the token in: keyturn verify < token.jwt");
  return token;
}

function describe({ kid, claims }: Verified): string {
  const expiry = claims.exp === undefined ? "never expires" : `expires ${formatInstant(claims.exp)}`;
  return `valid, signed by ${kid ?? "a key without kid"}, ${expiry}\n${JSON.stringify(claims, null, 2)}`;
}
