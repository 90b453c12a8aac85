/** RSA without its padding rules: what a forger would want the bytes below a signature to be. */
import { constants, createHash, createPublicKey, privateEncrypt, publicDecrypt } from "node:crypto";
import { type SampleKey, signature } from "./sample-issuer.ts";

const RAW = constants.RSA_NO_PADDING;

/** A signature by the right key over any bytes, as long as the modulus. */
export function rawSignature({ privateKey }: SampleKey, encoded: Uint8Array): Buffer {
  return privateEncrypt({ key: privateKey, padding: RAW }, encoded);
}

/** The bytes that an honest signature stands for, and what a change of them is signed as. */
export function resigned(key: SampleKey, input: string, change: (encoded: Buffer) => Uint8Array): Buffer {
  const honest = signature(key, input);
  const encoded = publicDecrypt({ key: createPublicKey(key.privateKey), padding: RAW }, honest);
  return rawSignature(key, change(encoded));
}

/** `SEQUENCE { SEQUENCE { OID sha256, NULL }, OCTET STRING }` (RFC 8017 section 9.2, note 1). */
const SHA256_INFO = "3031300d060960864801650304020105000420";

export function sha256Of(input: string): string {
  return createHash("sha256").update(input).digest("hex");
}

/** The parts of an encoded message, in hexadecimal; those of an honest one where nothing is said. */
export interface Encoding {
  readonly start?: string;
  readonly filler?: string;
  readonly separator?: string;
  readonly info?: string;
  readonly digest?: string;
  readonly after?: string;
  readonly fillerBytes?: number;
}

/** EMSA-PKCS1-v1_5 (RFC 8017 section 9.2), each part as told, 256 bytes in all. */
export function pkcs1(
  input: string,
  {
    start = "0001",
    filler = "ff",
    separator = "00",
    info = SHA256_INFO,
    digest = sha256Of(input),
    after = "",
    fillerBytes = 256 - (start + separator + info + digest + after).length / 2,
  }: Encoding = {},
): Buffer {
  const text = start + filler.repeat(fillerBytes) + separator + info + digest + after;
  return Buffer.from(text.padEnd(512, "0"), "hex");
}
