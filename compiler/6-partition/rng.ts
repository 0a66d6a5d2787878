/** Pseudo-random numbers by seed for the partitioner's loops: the same on every machine. */
import { stream } from '../../spec/random.ts';

export interface Rng {
  /** A whole number from 0 to n - 1. */
  below(n: number): number;
  /** A permutation of 0 … n - 1; of many, in whole blocks, because neighbours in memory are read several times as fast. */
  order(n: number): Int32Array;
  /** A generator of its own, independent of what this one has drawn so far. */
  named(name: string): Rng;
}

const LARGE = 30_000;
const BLOCK = 64;

export function createRng(seed: number, name: string): Rng {
  // Philox once for the seed; xorshift128 (Marsaglia 2003, "Xorshift RNGs") in the loops, for its speed.
  const rng = stream(seed, name);
  let x = rng.bits(0) | 0;
  let y = rng.bits(1) | 0;
  let z = rng.bits(2) | 0;
  let w = rng.bits(3) | 1;
  const below = (n: number): number => {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ (t ^ (t >>> 8));
    return Math.floor(((w >>> 0) / 4294967296) * n);
  };
  const shuffled = (n: number): Int32Array => {
    const order = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      const j = below(i + 1);
      order[i] = order[j] as number;
      order[j] = i;
    }
    return order;
  };
  return {
    below,
    order(n) {
      if (n <= LARGE) return shuffled(n);
      const order = new Int32Array(n);
      let size = 0;
      for (const block of shuffled(Math.ceil(n / BLOCK)))
        for (let i = block * BLOCK, end = Math.min(n, i + BLOCK); i < end; i++) order[size++] = i;
      return order;
    },
    named: (inner) => createRng(seed, `${name}/${inner}`),
  };
}
