/** Names and secrets drawn at random. Keys aside, this is all the randomness there is. */
import { base64url } from "jose";

/** 128 bits: no two rings share an id. */
export function randomRingId(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(16)));
}

/** What an API token is made of: 256 bits. */
export function randomApiTokenBytes(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(32));
}

/** What an API token is called where its value must not be told: 96 bits. */
export function randomApiTokenId(): string {
  return `t_${base64url.encode(crypto.getRandomValues(new Uint8Array(12)))}`;
}

/** 128 bits: no two books of API tokens share an id. */
export function randomTokenBookId(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(16)));
}

/** The `jti` of a token (RFC 7519 section 4.1.7): unique, 122 random bits. */
export function randomTokenId(): string {
  return crypto.randomUUID();
}
