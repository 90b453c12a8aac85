/** `sign` and `verify`, for trying things out and for scripts on the host. */
import type { Command } from "commander";
import { isKeyturnError, KeyturnError } from "../errors.ts";
import type { Claims, SignOptions } from "../manager/token.ts";
import {
  createVerifier,
  type FetchFailure,
  type IssuerOptions,
  isVerifyError,
  type VerifiedToken,
  type VerifierEvent,
} from "../verifier/index.ts";
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
          ? await verified(token, { ...expected(options), jwksUrl: options["jwks"] })
          : await withRing(options, async (manager, { issuer, tokenTyp }) =>
              verified(token, {
                ...expected(options),
                issuer,
                typ: [...CUSTOMARY_TYPES, tokenTyp],
                jwks: manager.jwks(),
              }),
            );
      printResult(result, options["json"] === true, () => describe(result));
    });
}

/** Beside the one that is configured: tokens of before it was. */
const CUSTOMARY_TYPES = ["JWT", "at+jwt"];

type Verified = Pick<VerifiedToken, "kid" | "claims">;

/** What is not asked for is not checked. */
function expected({ issuer, aud }: Options): Pick<IssuerOptions, "issuer" | "audience"> {
  return {
    issuer: typeof issuer === "string" ? issuer : null,
    audience: typeof aud === "string" ? aud : null,
  };
}

async function verified(token: string, by: IssuerOptions): Promise<Verified> {
  let failure = "no answer";
  const onEvent = (event: VerifierEvent) => {
    if (event.type === "jwks_failed") failure = describeFailure(event);
  };
  try {
    const { kid, claims } = await createVerifier({ ...by, onEvent }).verify(token);
    return { kid, claims };
  } catch (error) {
    if (isKeyturnError(error, "config_invalid")) throw unsuitable();
    if (!isVerifyError(error)) throw error;
    if (error.status === 503) throw unavailable(new URL(String(by.jwksUrl)), failure);
    throw new KeyturnError("token_invalid", `The token does not verify (${error.reason}). ${error.message}`, {
      fix: `${error.fix} Expected are issuer ${by.issuer ?? "(any)"} and audience ${by.audience ?? "(any)"}; \`keyturn jwks\` shows the published keys.`,
    });
  }
}

function describeFailure({ because, status }: { because: FetchFailure; status: number | null }): string {
  return because === "status" ? `status ${status}` : because;
}

function unsuitable(): KeyturnError {
  return usage(
    "--jwks is not an https URL without a password, or an http URL on loopback.",
    "Write it like: https://auth.example.com/.well-known/jwks.json",
  );
}

/** Of the URL only what cannot hold a password. */
function unavailable({ origin, pathname }: URL, why: string): KeyturnError {
  return new KeyturnError("jwks_unavailable", `No JWKS came from ${origin}${pathname} (${why}).`, {
    fix: "Check the URL, and whether that server runs.",
  });
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
  const expiry = formatInstant(claims.exp);
  return `valid, signed by ${kid ?? "a key without kid"}, expires ${expiry}\n${JSON.stringify(claims, null, 2)}`;
}
