/**
 * An RSA key as a broken generator made them (CVE-2017-15361): both primes are k·M + 65537^a mod M,
 * where M is the product of the first primes (Nemec et al., CCS 2017, section 2).
 */
import { checkPrimeSync, type KeyObject } from "node:crypto";
import { privateKeyOf } from "./sample-issuer.ts";

/** So many primes go into M for keys of 1984 to 3936 bits. */
const PRIMES_IN_M = 126;
const E = 65537n;

export function rocaKey(): KeyObject {
  const [p, q] = [rocaPrime(2n ** 52n, 1234n), rocaPrime(2n ** 52n + 2n ** 51n, 56789n)];
  const d = inverse(E, (p - 1n) * (q - 1n));
  return privateKeyOf({
    kty: "RSA",
    n: encoded(p * q),
    e: encoded(E),
    d: encoded(d),
    p: encoded(p),
    q: encoded(q),
    dp: encoded(d % (p - 1n)),
    dq: encoded(d % (q - 1n)),
    qi: encoded(inverse(q, p)),
  });
}

/** The first prime of that form from `k` on. */
function rocaPrime(k: bigint, a: bigint): bigint {
  const m = firstPrimes(PRIMES_IN_M).reduce((product, prime) => product * prime, 1n);
  let candidate = k * m + power(E, a, m);
  while (!checkPrimeSync(candidate)) candidate += m;
  return candidate;
}

function firstPrimes(count: number): bigint[] {
  const primes: bigint[] = [];
  for (let number = 2n; primes.length < count; number++)
    if (primes.every((prime) => number % prime !== 0n)) primes.push(number);
  return primes;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (
    let bit = exponent, square = base % modulus;
    bit > 0n;
    bit >>= 1n, square = (square * square) % modulus
  )
    if (bit & 1n) result = (result * square) % modulus;
  return result;
}

/** By Euclid's algorithm, extended. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [before, now, factorBefore, factor] = [modulus, value % modulus, 0n, 1n];
  while (now > 0n) {
    const quotient = before / now;
    [before, now] = [now, before - quotient * now];
    [factorBefore, factor] = [factor, factorBefore - quotient * factor];
  }
  return ((factorBefore % modulus) + modulus) % modulus;
}

function encoded(value: bigint): string {
  const digits = value.toString(16);
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), "0"), "hex").toString("base64url");
}
