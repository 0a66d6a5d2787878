import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../spec/random.ts';

const MASK = 0xffffffffn;

/** Philox-2x32-10 with big integers, as the paper writes it. */
function philox(counter0: bigint, counter1: bigint, key0: bigint): number {
  let [x0, x1, key] = [counter0, counter1, key0];
  for (let round = 0; round < 10; round++) {
    const product = 0xd256d193n * x0;
    [x0, x1] = [(product >> 32n) ^ key ^ x1, product & MASK];
    key = (key + 0x9e3779b9n) & MASK;
  }
  return Number(x0);
}

/** FNV-1a with two words mixed in, and Murmur3's avalanche. */
function hashText(text: string, a: bigint, b: bigint): bigint {
  let h = 0x811c9dc5n ^ a;
  h = ((h ^ b) * 0x01000193n) & MASK;
  for (const unit of text.split('')) h = ((h ^ BigInt(unit.charCodeAt(0))) * 0x01000193n) & MASK;
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & MASK;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & MASK;
  return h ^ (h >> 16n);
}

describe('random streams', () => {
  it('are compared with a generator that gives the published answers of its authors', () => {
    expect(philox(0n, 0n, 0n)).toBe(0xff1dae59);
    expect(philox(MASK, MASK, MASK)).toBe(0x2c3f628b);
  });

  it('are Philox of the counter, keyed by seed and name', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string(), fc.maxSafeNat(), (seed, name, i) => {
        const key = hashText(name, BigInt(seed) & MASK, BigInt(seed) >> 32n);
        const high = hashText(name, key, 0x9e3779b9n);
        const counter = BigInt(i);
        expect(stream(seed, name).bits(i)).toBe(philox(counter & MASK, high ^ (counter >> 32n), key));
      }),
      { seed: 3, numRuns: 2000 },
    );
  });
});
