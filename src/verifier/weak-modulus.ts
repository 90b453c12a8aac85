/**
 * RSA moduli from a generator that can be broken (CVE-2017-15361, "ROCA": Nemec et al., CCS 2017,
 * section 4). Its primes are powers of 65537 modulo every small prime, which chance does not do.
 */
const GENERATOR = 65537;
const LARGEST_SMALL_PRIME = 167;

/** @param modulus big-endian */
export function isWeakModulus(modulus: Uint8Array): boolean {
  for (let prime = 3; prime <= LARGEST_SMALL_PRIME; prime += 2) {
    const residue = modulus.reduce((rest, byte) => (rest * 256 + byte) % prime, 0);
    if (isPrime(prime) && !isPowerOfGenerator(residue, prime)) return false;
  }
  return true;
}

function isPrime(odd: number): boolean {
  for (let factor = 3; factor * factor <= odd; factor += 2) if (odd % factor === 0) return false;
  return true;
}

function isPowerOfGenerator(residue: number, prime: number): boolean {
  let power = 1;
  do {
    if (power === residue) return true;
    power = (power * GENERATOR) % prime;
  } while (power !== 1);
  return false;
}
