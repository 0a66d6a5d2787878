/** Draws of the semantics (14b and 14f), counted in bigints, and so as they are written. */

const WORD = 2n ** 32n;
const HALF = 2n ** 24n;

/** (14b) */
function hash(text: string, a: bigint, b: bigint): bigint {
  const spread = (x: bigint, factor: bigint): bigint => (x * factor) % WORD;
  let x = 0x811c9dc5n ^ a;
  x = spread(x ^ b, 0x01000193n);
  for (let i = 0; i < text.length; i++) x = spread(x ^ BigInt(text.charCodeAt(i)), 0x01000193n);
  x = spread(x ^ (x >> 16n), 0x85ebca6bn);
  x = spread(x ^ (x >> 13n), 0xc2b2ae35n);
  return x ^ (x >> 16n);
}

/** Both words of Philox-2x32-10 (Salmon et al. 2011). */
function philox(first: bigint, second: bigint, key: bigint): readonly [bigint, bigint] {
  let [left, right, k] = [first, second, key];
  for (let round = 0; round < 10; round++) {
    const product = 0xd256d193n * left;
    [left, right] = [(product / WORD) ^ k ^ right, product % WORD];
    k = (k + 0x9e3779b9n) % WORD;
  }
  return [left, right];
}

/** Where settling is: what definitions may read of it, and what their draws depend on. */
export interface Moment {
  readonly tick: number;
  readonly step: number;
  readonly batch: number;
}

const known = new Map<string, bigint>();

/** bits(0) of the stream of the seed 0 and a name (14a). */
function firstBits(name: string): bigint {
  const found = known.get(name);
  if (found !== undefined) return found;
  const k = hash(name, 0n, 0n);
  const [bits] = philox(0n, hash(name, k, 0x9e3779b9n), k);
  known.set(name, bits);
  return bits;
}

/** (14f) @param name of the place that draws, `node h:noise:0` @param row the sample's, in its batch */
export function noiseAt(name: string, element: number, row: number, { tick, step, batch }: Moment): number {
  const key = firstBits(name) + 10368889n * BigInt(tick) + 5557187n * BigInt(step) + 7114389n * BigInt(batch);
  const words = philox(BigInt(element), BigInt(row), key % HALF);
  const [w0, w1] = words.map((word) => Number(word / 256n)) as [number, number];
  return Math.sqrt(-2 * Math.log((w0 + 1) / 2 ** 24)) * Math.cos((2 * Math.PI * w1) / 2 ** 24);
}
