/**
 * RSA moduli from a generator that can be broken (CVE-2017-15361, "ROCA": Nemec et al., CCS 2017,
 * section 4). Its primes are powers of 65537 modulo every small prime, which chance does not do.
 */
const GENERATOR = 65537n;
const SMALL_PRIMES = [
  3n,
  5n,
  7n,
  11n,
  13n,
  17n,
  19n,
  23n,
  29n,
  31n,
  37n,
  41n,
  43n,
  47n,
  53n,
  59n,
  61n,
  67n,
  71n,
  73n,
  79n,
  83n,
  89n,
  97n,
  101n,
  103n,
  107n,
  109n,
  113n,
  127n,
  131n,
  137n,
  139n,
  149n,
  151n,
  157n,
  163n,
  167n,
];

/** @param modulus big-endian */
export function isWeakModulus(modulus: Uint8Array): boolean {
  const n = modulus.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return n % 2n === 0n || SMALL_PRIMES.every((prime) => isPowerOfGenerator(n % prime, prime));
}

function isPowerOfGenerator(residue: bigint, prime: bigint): boolean {
  let power = 1n;
  do {
    if (power === residue) return true;
    power = (power * GENERATOR) % prime;
  } while (power !== 1n);
  return false;
}
