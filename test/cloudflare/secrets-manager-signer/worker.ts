/** A Worker of a user's own that signs with the ring in AWS Secrets Manager, as AWS.md shows it. */
import { env } from "cloudflare:workers";
import { openSigner, type RingSigner } from "keyturn";
import { kmsKek } from "keyturn/kek/kms";
import { secretKek } from "keyturn/kek/secrets-manager";
import { secretsManagerStore } from "keyturn/store/secrets-manager";

const given = new Map(Object.entries(env));
const text = (name: string) => String(given.get(name) ?? "");

const aws = {
  region: "us-east-1",
  endpoint: text("KEYTURN_AWS_ENDPOINT"),
  credentials: async () => ({
    accessKeyId: text("AWS_ACCESS_KEY_ID"),
    secretAccessKey: text("AWS_SECRET_ACCESS_KEY"),
  }),
};
const store = secretsManagerStore({ ...aws, secretId: "auth/keyturn" });
const inSecret = secretKek({ ...aws, secretId: "auth/keyturn-kek" });
const keyId = text("KEYTURN_KMS_KEY_ID");
const context = { ring: text("ISSUER"), schema: "1" } as const;
const kek = keyId === "" ? inSecret : kmsKek({ ...aws, keyId, context, wrapped: inSecret });

// The signer itself is kept, never the promise of it: another request may never see that one settle.
let signer: RingSigner | null = null;

async function opened(): Promise<RingSigner> {
  if (signer !== null) return signer;
  const texts = await kek.read();
  if (texts === null) throw new Error("There is no KEK.");
  const mine = await openSigner({ store, issuer: text("ISSUER"), kek: texts.kek });
  signer ??= mine;
  return signer;
}

export default {
  async fetch(): Promise<Response> {
    try {
      return Response.json(await (await opened()).sign({ sub: "someone" }));
    } catch (error) {
      return Response.json({ error: String(error) }, { status: 503 });
    }
  },
};
