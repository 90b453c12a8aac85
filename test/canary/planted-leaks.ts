/** Leaks of every kind, made on purpose: what the search is worth is how many of them it finds. */
import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { inspect } from "node:util";
import type { JWK } from "jose";
import type { Secret } from "./writings.ts";

/** Something that got out, in parts as they were written. */
export interface PlantedLeak {
  readonly how: string;
  readonly parts: readonly (string | Uint8Array)[];
}

/** One secret, written down in every way. */
export function plantedLeaksOf({ bytes }: Secret): PlantedLeak[] {
  const secret = Buffer.from(bytes);
  const hex = secret.toString("hex");
  const rows = hex.match(/.{1,32}/g) ?? [];
  const pairs = hex.match(/../g) ?? [];
  const base64 = secret.toString("base64");
  const url = secret.toString("base64url");
  const inOne: Record<string, string | Uint8Array> = {
    "raw bytes": Buffer.concat([Buffer.from("…"), secret, Buffer.from("…")]),
    hex: `<${hex}>`,
    "hex in capitals": hex.toUpperCase(),
    "hex with blanks": pairs.join(" "),
    "hex with colons": pairs.join(":"),
    "hex dump in rows": rows.map((row) => row.match(/../g)?.join(" ")).join("\n"),
    "inspect of a buffer": inspect(secret),
    "inspect of an array": inspect(new Uint8Array(secret), { maxArrayLength: null }),
    "JSON of a buffer": JSON.stringify(secret),
    "JSON of an array": JSON.stringify(new Uint8Array(secret)),
    "JSON in lines of a buffer": JSON.stringify(secret, null, 2),
    "JSON in lines of an array": JSON.stringify(new Uint8Array(secret), null, 2),
    decimal: `d = ${BigInt(`0x${hex}`)}`,
    "base64 in lines": (base64.match(/.{1,20}/g) ?? []).join("\r\n"),
    "base64 in lines in JSON": JSON.stringify({ key: (base64.match(/.{1,20}/g) ?? []).join("\n") }),
    "the first half in base64url": url.slice(0, Math.ceil(url.length / 2)),
    "the second half in hex": hex.slice(hex.length / 2),
    "a claim of a token": `e30.${Buffer.from(JSON.stringify({ sub: "a", note: url })).toString("base64url")}.x`,
  };
  for (const before of ["", "a", "ab", "abc", "some longer text "]) {
    const within = Buffer.concat([Buffer.from(before), secret, Buffer.from(" and more after it")]);
    inOne[`base64 after ${before.length} bytes`] = within.toString("base64");
    inOne[`base64url after ${before.length} bytes`] = within.toString("base64url");
  }
  const whole = Object.entries(inOne).map(([how, text]) => ({ how, parts: [text] }));
  return [...whole, ...whole.map(inTwo)];
}

/** The same, cut in the middle. */
function inTwo({ how, parts: [text = ""] }: PlantedLeak): PlantedLeak {
  const bytes = Buffer.from(text as string);
  const middle = bytes.length >> 1;
  return { how: `${how}, in two parts`, parts: [bytes.subarray(0, middle), bytes.subarray(middle)] };
}

/** A whole private key, as the tools of the trade write it. */
export function plantedKeysOf(jwk: JWK): PlantedLeak[] {
  const key = createPrivateKey({ key: jwk as JsonWebKey, format: "jwk" });
  const pem = key.export({ type: "pkcs8", format: "pem" }) as string;
  const der = key.export({ type: "pkcs8", format: "der" });
  const whole: PlantedLeak[] = [
    { how: "JWK", parts: [JSON.stringify(jwk)] },
    { how: "inspect of a JWK", parts: [inspect({ cause: { jwk } }, { depth: 10 })] },
    { how: "PEM", parts: [pem] },
    { how: "PEM in JSON", parts: [JSON.stringify({ pem })] },
    { how: "PEM in an inspected object", parts: [inspect({ pem, other: 1 })] },
    { how: "DER", parts: [der] },
    { how: "DER in base64url", parts: [der.toString("base64url")] },
  ];
  if (jwk.kty === "EC") whole.push({ how: "SEC1", parts: [key.export({ type: "sec1", format: "der" })] });
  if (jwk.kty === "RSA") whole.push({ how: "PKCS#1", parts: [key.export({ type: "pkcs1", format: "pem" })] });
  return [...whole, ...whole.map(inTwo)];
}
