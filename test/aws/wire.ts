/** AWS JSON 1.1: one path, the operation in a header, errors as a body with `__type`. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Input, isObject } from "./input.ts";
import { Refusal } from "./refusal.ts";

export type ServiceName = "secretsmanager" | "kms";

/** What the target header calls a service, and what the credential's scope must. */
const TARGETS: Readonly<Record<string, ServiceName>> = {
  secretsmanager: "secretsmanager",
  TrentService: "kms",
};

const CONTENT_TYPE = "application/x-amz-json-1.1";
/** More than the largest value that may be stored, as base64 or with every character escaped. */
const MAX_BODY_BYTES = 1_000_000;

export interface Target {
  readonly service: ServiceName;
  readonly operation: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (length > MAX_BODY_BYTES) throw new Refusal("RequestEntityTooLargeException", "", 413);
  return Buffer.concat(chunks);
}

export function targetOf({ method, url, headers }: IncomingMessage): Target {
  const [name = "", operation = "", ...more] = String(headers["x-amz-target"] ?? "").split(".");
  const service = Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined;
  const asked = method === "POST" && url === "/" && headers["content-type"] === CONTENT_TYPE;
  if (!asked || service === undefined || operation === "" || more.length > 0) throw unknownOperation(404);
  return { service, operation };
}

export function unknownOperation(status: number): Refusal {
  return new Refusal("UnknownOperationException", "", status);
}

export function inputOf(body: Buffer): Input {
  const input = parsed(body.toString("utf8"));
  if (!isObject(input))
    throw new Refusal("SerializationException", "Start of structure or map found where not expected.");
  return input;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

export function success(output: object): Answer {
  return { status: 200, body: JSON.stringify(output), contentType: CONTENT_TYPE };
}

/** An exception of Secrets Manager has its text in `Message`; everybody else's is in `message`. */
export function refused({ type, message, status }: Refusal, service: ServiceName | undefined): Answer {
  const member =
    service === "secretsmanager" && !/Denied|Token|Signature|Client|Serial/.test(type)
      ? "Message"
      : "message";
  const body = JSON.stringify({ __type: type, ...(message !== "" && { [member]: message }) });
  return { status, body, contentType: CONTENT_TYPE };
}

export const unavailable: Answer = {
  status: 503,
  body: "<html><head><title>503 Service Temporarily Unavailable</title></head></html>",
  contentType: "text/html",
};

/** Half of it arrived, and whoever passed it on said nothing. */
export function garbled(answer: Answer): Answer {
  return { ...answer, status: 200, body: `{"ARN":"arn:aws:${answer.body.slice(0, 7)}` };
}

export function send(response: ServerResponse, { status, body, contentType }: Answer, now: number): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "x-amzn-requestid": randomUUID(),
    date: new Date(now * 1000).toUTCString(),
  });
  response.end(body);
}
