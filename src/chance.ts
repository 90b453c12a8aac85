/** Chance, where it need not be secret: jitter. Rules take it as an argument, in [0, 1). */
export function systemChance(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32;
}
