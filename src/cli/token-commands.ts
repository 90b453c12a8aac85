/** `sign` and `verify`, for trying things out and for scripts on the host. */
import type { Command } from "commander";
import { createLocalJWKSet, createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { KeyturnError } from "../errors.ts";
import type { Claims } from "../manager/token.ts";
import { command, type Options, option, usage, withJson, withRing, withSettings } from "./command.ts";
import { formatInstant, printResult } from "./print.ts";

export function signCommand(): Command {
  return withSettings(withJson(command("sign", "sign a JWT and print it")), false)
    .addOption(option("--sub <text>", "the subject"))
    .addOption(option("--aud <text>", "the audience"))
    .addOption(option("--claims <json>", "further claims, a JSON object"))
    .addOption(option("--expires-in-seconds <n>", "lifetime; default and limit is the policy's tokenSeconds"))
    .action((options: Options) =>
      withRing(options, async (manager) => {
        const expires = options["expiresInSeconds"];
        const signed = await manager.sign(
          claimsOf(options),
          expires === undefined ? {} : { expiresInSeconds: Number(expires) },
        );
        printResult(signed, options["json"] === true, () => signed.token);
      }),
    );
}

export function verifyCommand(): Command {
  return withSettings(withJson(command("verify", "verify a JWT read from standard input")), false)
    .addOption(option("--jwks <url>", "verify against this JWKS instead of the ring's"))
    .addOption(option("--aud <text>", "the audience that the token must be for"))
    .addHelpText("after", "\nExample: keyturn sign --sub alice | keyturn verify")
    .action(async (options: Options) => {
      const token = await tokenFromStdin();
      const result =
        typeof options["jwks"] === "string"
          ? await verified(
              token,
              createRemoteJWKSet(new URL(options["jwks"])),
              options["issuer"],
              options["aud"],
            )
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

type KeySet = ReturnType<typeof createLocalJWKSet> | ReturnType<typeof createRemoteJWKSet>;

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
      fix: "Check issuer, audience and clock; `keyturn status` lists the kids that are published.",
      cause: error,
    });
  }
}

function claimsOf({ sub, aud, claims }: Options): Claims {
  return {
    ...(typeof claims === "string" ? parsedClaims(claims) : {}),
    ...(typeof sub === "string" ? { sub } : {}),
    ...(typeof aud === "string" ? { aud } : {}),
  };
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
  return text.trim();
}

function describe({ kid, claims }: Verified): string {
  const expiry = claims.exp === undefined ? "never expires" : `expires ${formatInstant(claims.exp)}`;
  return `valid, signed by ${kid ?? "a key without kid"}, ${expiry}\n${JSON.stringify(claims, null, 2)}`;
}
