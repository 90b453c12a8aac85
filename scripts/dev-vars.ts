/** The secrets of the Worker on this machine, in the file from which `wrangler dev` takes them. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { isKeyturnError, KeyturnError } from "../dist/errors.js";
import { apiTokenCheck } from "../dist/http/api-token.js";
import { generateKek, parseKek } from "../dist/keys/kek.js";
import { createFileOnce } from "../dist/store/create-file.js";

/** What judges each of them. */
const SECRETS: Readonly<Record<string, (text: string) => Promise<unknown>>> = {
  KEYTURN_KEK: (text) => parseKek(text),
  KEYTURN_API_TOKEN: apiTokenCheck,
  KEYTURN_ADMIN_TOKEN: apiTokenCheck,
};

/** 256 bits, as many as an API token must have. */
const TOKEN_BYTES = 32;

/**
 * Makes the file, with secrets that nobody has seen, where there is none; else looks whether it can be used.
 *
 * @param issuer what a plain `wrangler dev` says as the issuer
 * @returns whether it was made
 * @throws KeyturnError `config_invalid`, with the name of what cannot be used and never its value
 */
export async function devVars(file: string, issuer: string): Promise<boolean> {
  if ((await createFileOnce(file, freshText(issuer))) === "created") return true;
  const given = parseEnv(await readFile(file, "utf8"));
  for (const [name, judge] of Object.entries(SECRETS)) {
    const text = given[name];
    if (text === undefined) throw unusable(file, `${name} is not in it`);
    await judge(text).catch((error: unknown) => {
      throw unusable(file, `${name}: ${isKeyturnError(error) ? error.message : String(error)}`);
    });
  }
  return false;
}

/** Prints a secret of the file where a shell asks for it, so that it stands in no command line that is kept. */
export function inShell(file: string, name: string): string {
  return `$(sed -n 's/^${name}=//p' '${file.replaceAll("'", `'\\''`)}' | tr -d \\"\\')`;
}

function freshText(issuer: string): string {
  const token = () => randomBytes(TOKEN_BYTES).toString("base64url");
  return `# Made by \`npm run edge\` for the Worker on this machine alone. Keep it out of git; what is deployed has its
# own secrets (EDGE.md). The ring in .wrangler/state can be opened with this KEYTURN_KEK only.
KEYTURN_KEK=${generateKek()}
# Whoever presents it may sign.
KEYTURN_API_TOKEN=${token()}
# Whoever presents it may do what the role \`security\` may.
KEYTURN_ADMIN_TOKEN=${token()}
# For \`npx wrangler dev\`; \`npm run edge -- --port\` puts its own in its place.
KEYTURN_ISSUER=${issuer}
`;
}

function unusable(file: string, why: string): KeyturnError {
  return new KeyturnError("config_invalid", `${file} cannot be used: ${why}`, {
    fix: "Correct it. Or delete it and .wrangler/state, whose ring is sealed under its KEK: then both are made anew.",
  });
}
