/** The product's check of signatures on Node, counted: node:crypto does it on other threads. */
import { importSignatureCheck as imported, type SignatureCheck } from "../../src/verifier/signature.node.ts";
import { counted } from "./rest.ts";

export async function importSignatureCheck(...given: Parameters<typeof imported>): Promise<SignatureCheck> {
  const made = await imported(...given);
  return { checkSync: made.checkSync, check: (token) => counted(made.check(token)) };
}
