/** Signature Version 4, as the service checks it before it looks at anything else. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

/** How far `X-Amz-Date` may be from the service's clock. */
const SKEW_SECONDS = 300;

/** What the Authorization header says. */
export interface Signature {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly value: string;
}

const FORM =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/((\d{8})\/([^/]+)\/([^/]+)\/aws4_request), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/;

export function signatureOf({ headers }: IncomingMessage): Signature {
  const { authorization } = headers;
  if (authorization === undefined)
    throw new Refusal("MissingAuthenticationTokenException", "Missing Authentication Token");
  const form = FORM.exec(authorization);
  const [, accessKeyId = "", scope = "", , region = "", service = "", signed = "", value = ""] = form ?? [];
  const signedHeaders = signed.split(";");
  if (form === null || !["host", "x-amz-date", "x-amz-target"].every((name) => signedHeaders.includes(name)))
    throw new Refusal(
      "IncompleteSignatureException",
      "Authorization header is not of the form that it must be.",
    );
  return { accessKeyId, region, service, scope, signedHeaders, value };
}

/** The service's clock decides; the SDK learns of it from the Date header of the refusal. */
export function assertCurrent({ headers }: IncomingMessage, now: number): void {
  const date = String(headers["x-amz-date"]);
  const signedAt = Date.parse(
    date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
  if (Number.isNaN(signedAt))
    throw new Refusal(
      "IncompleteSignatureException",
      `Date must be in ISO-8601 'basic format'. Got '${date}'.`,
    );
  const age = now - signedAt / 1000;
  if (age > SKEW_SECONDS)
    throw mismatch(
      `Signature expired: ${date} is now earlier than ${basic(now - SKEW_SECONDS)} (${basic(now)} - 5 min.)`,
    );
  if (age < -SKEW_SECONDS)
    throw mismatch(
      `Signature not yet current: ${date} is still later than ${basic(now + SKEW_SECONDS)} (${basic(now)} + 5 min.)`,
    );
}

export function assertSigned(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  { scope, signedHeaders, value }: Signature,
  secretAccessKey: string,
): void {
  const canonical = [
    method,
    url,
    "",
    ...signedHeaders.map(
      (name) =>
        `${name}:${String(headers[name] ?? "")
          .trim()
          .replace(/\s+/g, " ")}`,
    ),
    "",
    signedHeaders.join(";"),
    sha256(body),
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = scope
    .split("/")
    .reduce<Buffer>((parent, part) => hmac(parent, part), Buffer.from(`AWS4${secretAccessKey}`));
  if (timingSafeEqual(hmac(key, text), Buffer.from(value, "hex"))) return;
  throw mismatch(
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  );
}

export function mismatch(message: string): Refusal {
  return new Refusal("InvalidSignatureException", message);
}

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const hmac = (key: Buffer, data: string) => createHmac("sha256", key).update(data).digest();
const basic = (seconds: number) =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
