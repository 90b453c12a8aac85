/** `export`: the way out. A private key leaves sealed, and with a record. */
import type { Command } from "commander";
import type { ExportOutcome } from "../manager/export-key.ts";
import { readPassphrase } from "../node/passphrase-file.ts";
import { command, type Options, option, usage, withJson, withRing, withSettings } from "./command.ts";
import { printResult } from "./print.ts";
import { actorName, confirm, requireReason, wholeKid } from "./ring-commands.ts";

export function exportCommand(): Command {
  const declared = command(
    "export",
    "print a private key as an encrypted JWK, for another issuer to sign with",
    'keyturn export --passphrase-file pass --reason "moving to another issuer" --yes > key.jwe',
    'keyturn export <kid> --under-kek --reason "moving to another folder" --yes > key.jwe',
  ).argument("[kid]", "which key, as `keyturn status` shows it; default: the emitter");
  return withSettings(withJson(declared), false)
    .addOption(
      option("--passphrase-file <file>", "seal it under this passphrase (PBES2, any JOSE library opens it)"),
    )
    .option("--under-kek", "seal it under the ring's KEK, for another keyturn that has it")
    .addOption(option("--reason <text>", "why; goes into the audit record"))
    .option("--yes", "do not ask; needed where nobody can be asked")
    .action(async (given: string | undefined, options: Options) => {
      const passphrase = await passphraseOf(options);
      requireReason(options);
      await confirm(options, "Whoever opens the copy can sign tokens that every verifier accepts.");
      await withRing(options, async (manager) => {
        const outcome = await manager.exportKey(
          { passphrase, ...(given === undefined ? {} : { kid: wholeKid(manager.status(), given) }) },
          { actor: actorName(), reason: options["reason"] as string },
        );
        printResult(shown(outcome), options["json"] === true, () => outcome.sealed);
      });
    });
}

/** Exactly one way to seal it. */
async function passphraseOf({ passphraseFile, underKek }: Options): Promise<string | null> {
  if ((typeof passphraseFile === "string") === (underKek === true)) {
    throw usage(
      "A key leaves sealed, in one of two ways.",
      "Add --passphrase-file <file>, or --under-kek for another keyturn with the same KEK.",
    );
  }
  return typeof passphraseFile === "string" ? readPassphrase(passphraseFile) : null;
}

function shown({ kid, alg, sealed, generation }: ExportOutcome): object {
  return { kid, alg, sealed, generation };
}
