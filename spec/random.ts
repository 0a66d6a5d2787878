/**
 * Counter-based random numbers: the i-th number of a stream depends on (seed, name, i) alone, so any weight tensor,
 * any sample order and any wiring can be made anywhere, in any order, without a message.
 *
 * The generator is Philox-2x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 * Only IEEE basic operations are used (no Math.log, no Math.cos), so every machine makes the same bits.
 */

export interface RandomStream {
  /** 32 random bits. */
  bits(i: number): number;
  /** Uniform in [0, 1), a multiple of 2^-32. */
  uniform(i: number): number;
  /** Standard normal, by Box and Muller. */
  normal(i: number): number;
}

/** The stream called `name` under `seed`. Streams of different names are independent. */
export function stream(seed: number, name: string): RandomStream {
  const key = hashText(name, seed >>> 0, Math.floor(seed / 4294967296) >>> 0);
  const high = hashText(name, key, 0x9e3779b9);
  const bits = (i: number): number => philox(i >>> 0, (high ^ Math.floor(i / 4294967296)) >>> 0, key);
  const uniform = (i: number): number => bits(i) / 4294967296;
  const normal = (i: number): number => {
    const u = (bits(2 * i) + 1) / 4294967296; // in (0, 1]: the logarithm stays finite
    return Math.sqrt(-2 * portableLog(u)) * cosineOfTurn(bits(2 * i + 1) / 4294967296);
  };
  return { bits, uniform, normal };
}

/**
 * A standard normal number that is a function of an element, a row and a key, each a whole number below 2^24: both words of
 * Philox, 24 bits of each, so that devices that count in f32 draw the same.
 */
export function normalAt(element: number, row: number, key: number): number {
  const [x0, x1] = wordsAt(element, row, key);
  const u = ((x0 >>> 8) + 1) / 16777216;
  return Math.sqrt(-2 * portableLog(u)) * cosineOfTurn((x1 >>> 8) / 16777216);
}

/** A uniform number in [0, 1), a multiple of 2^-24, of the same three: the upper 24 bits of the first of the words. */
export function uniformAt(element: number, row: number, key: number): number {
  return (wordsAt(element, row, key)[0] >>> 8) / 16777216;
}

/**
 * Numbers below 2^24 for samples, different ones for different samples, and others under another seed: what a training
 * draws of a sample it draws of this number.
 */
export function sampleNumbers(seed: number): (sample: number) => number {
  const { bits } = stream(seed, 'dropped');
  const [factor, first] = [bits(0) | 1, bits(1)];
  return (sample) => (Math.imul(factor, sample) + first) & 0xffffff;
}

function wordsAt(element: number, row: number, key: number): [number, number] {
  let x0 = element >>> 0;
  let x1 = row >>> 0;
  let k = key >>> 0;
  for (let round = 0; round < 10; round++) {
    const low = Math.imul(0xd256d193, x0) >>> 0;
    x0 = (multiplyHigh(0xd256d193, x0) ^ k ^ x1) >>> 0;
    x1 = low;
    k = (k + 0x9e3779b9) >>> 0;
  }
  return [x0, x1];
}

/** A permutation of 0 … n-1 (Fisher and Yates), the same for the same stream. */
export function permutation(rng: RandomStream, n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(rng.uniform(i) * (i + 1));
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}

/** FNV-1a over UTF-16 units, mixed with two words and finished by Murmur3's avalanche. */
function hashText(text: string, a: number, b: number): number {
  let h = (0x811c9dc5 ^ a) >>> 0;
  h = Math.imul(h ^ b, 0x01000193) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function philox(counter0: number, counter1: number, key0: number): number {
  let x0 = counter0;
  let x1 = counter1;
  let key = key0;
  for (let round = 0; round < 10; round++) {
    const high = multiplyHigh(0xd256d193, x0);
    const low = Math.imul(0xd256d193, x0) >>> 0;
    x0 = (high ^ key ^ x1) >>> 0;
    x1 = low;
    key = (key + 0x9e3779b9) >>> 0;
  }
  return x0;
}

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  // Each sum is below 2^32, so integer operations are exact; they are four times as fast as division and remainder.
  const middle = (a1 * b0 + ((a0 * b0) >>> 16)) >>> 0;
  const cross = (a0 * b1 + (middle & 0xffff)) >>> 0;
  return (Math.imul(a1, b1) + (middle >>> 16) + (cross >>> 16)) >>> 0;
}

/** Natural logarithm of u in (0, 1] by scaling to [0.75, 1.5) and the series of artanh. */
function portableLog(u: number): number {
  let m = u;
  let exponent = 0;
  while (m < 0.75) {
    m *= 2;
    exponent--;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum = 0;
  for (let k = 25; k >= 1; k -= 2) sum = sum * s2 + 1 / k;
  return 2 * s * sum + exponent * Math.LN2;
}

/** cos(2 pi u) for u in [0, 1), by symmetry to an eighth of a turn and Taylor's series. */
function cosineOfTurn(u: number): number {
  const half = u > 0.5 ? 1 - u : u; // cos(2 pi u) = cos(2 pi (1 - u))
  const negative = half > 0.25;
  const quarter = negative ? 0.5 - half : half;
  const value = quarter <= 0.125 ? cosine(2 * Math.PI * quarter) : sine(2 * Math.PI * (0.25 - quarter));
  return negative ? -value : value;
}

function cosine(x: number): number {
  let sum = 0;
  for (let k = 18; k >= 2; k -= 2) sum = ((1 - sum) * x * x) / (k * (k - 1));
  return 1 - sum;
}

function sine(x: number): number {
  let sum = 0;
  for (let k = 19; k >= 3; k -= 2) sum = ((1 - sum) * x * x) / (k * (k - 1));
  return x * (1 - sum);
}
