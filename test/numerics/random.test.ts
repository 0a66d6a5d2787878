/** Random streams: the committed answers, and that they look random (semantics.md, equation 14). */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { initialValues } from '../../spec/initialise.ts';
import { permutation, stream } from '../../spec/random.ts';

interface Vector {
  readonly seed: number;
  readonly stream: string;
  readonly first: number;
  readonly bits: readonly number[];
  readonly normal: readonly number[];
}
interface Vectors {
  readonly streams: readonly Vector[];
  readonly permutations: readonly { seed: number; stream: string; n: number; order: readonly number[] }[];
}

const vectors = JSON.parse(readFileSync(new URL('../../spec/vectors/random.json', import.meta.url), 'utf8')) as Vectors;

describe('known answers', () => {
  test.each(vectors.streams)('of seed $seed and stream $stream are these numbers from $first on', (v) => {
    const rng = stream(v.seed, v.stream);
    expect(v.bits.map((_, i) => rng.bits(v.first + i))).toEqual(v.bits);
    expect(v.bits.map((_, i) => rng.uniform(v.first + i))).toEqual(v.bits.map((b) => b / 2 ** 32));
    expect(v.normal.map((_, i) => rng.normal(v.first + i))).toEqual(v.normal);
  });

  test.each(vectors.permutations)('of seed $seed and stream $stream are this permutation of $n', (v) => {
    expect([...permutation(stream(v.seed, v.stream), v.n)]).toEqual(v.order);
  });
});

describe('random numbers', () => {
  const N = 100_000;
  const rng = stream(3, 'pixels->h1.w');
  const uniform = Float64Array.from({ length: N }, (_, i) => rng.uniform(i));
  const normal = Float64Array.from({ length: N }, (_, i) => rng.normal(i));
  const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

  test('fill [0, 1) evenly where they are uniform', () => {
    const counts = new Array<number>(64).fill(0);
    for (const u of uniform) counts[Math.floor(u * 64)] = (counts[Math.floor(u * 64)] ?? 0) + 1;
    const chiSquared = counts.reduce((sum, n) => sum + (n - N / 64) ** 2 / (N / 64), 0);
    expect(chiSquared).toBeGreaterThan(30); // 63 degrees of freedom: outside 30 … 115 less than once in ten thousand
    expect(chiSquared).toBeLessThan(115);
  });

  test('have the moments of the normal distribution where they are normal', () => {
    expect(Math.abs(mean(normal))).toBeLessThan(0.013);
    expect(Math.abs(mean(normal.map((x) => x ** 2)) - 1)).toBeLessThan(0.018);
    expect(Math.abs(mean(normal.map((x) => x ** 3)))).toBeLessThan(0.05);
    expect(Math.abs(mean(normal.map((x) => x ** 4)) - 3)).toBeLessThan(0.13);
  });

  test('follow the library’s functions to the last digits where they are normal', () => {
    for (let i = 0; i < 1000; i++) {
      const u = (rng.bits(2 * i) + 1) / 2 ** 32;
      const wanted = Math.sqrt(-2 * Math.log(u)) * Math.cos((2 * Math.PI * rng.bits(2 * i + 1)) / 2 ** 32);
      expect(Math.abs(rng.normal(i) - wanted)).toBeLessThan(1e-13);
    }
  });

  test.each([1, 2, 7, 1000])('are uncorrelated %d apart, for neighbouring seeds and for similar names', (lag) => {
    const correlation = (a: (i: number) => number, b: (i: number) => number): number => {
      let sum = 0;
      for (let i = 0; i < N; i++) sum += (a(i) - 0.5) * (b(i) - 0.5);
      return (12 * sum) / N;
    };
    const other = stream(3 + lag, 'pixels->h1.w');
    const similar = stream(3, `pixels->h${lag + 1}.w`);
    expect(
      Math.abs(
        correlation(
          (i) => rng.uniform(i),
          (i) => rng.uniform(i + lag),
        ),
      ),
    ).toBeLessThan(0.0125);
    expect(
      Math.abs(
        correlation(
          (i) => rng.uniform(i),
          (i) => other.uniform(i),
        ),
      ),
    ).toBeLessThan(0.0125);
    expect(
      Math.abs(
        correlation(
          (i) => rng.uniform(i),
          (i) => similar.uniform(i),
        ),
      ),
    ).toBeLessThan(0.0125);
  });

  test('give a permutation of every number once, and other seeds give others', () => {
    const order = permutation(stream(1, 'epoch/0'), 1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(permutation(stream(2, 'epoch/0'), 1000)).not.toEqual(order);
  });

  test('differ for seeds above 2³² as for any others', () => {
    expect(stream(1 + 2 ** 32, 'w').bits(0)).not.toBe(stream(1, 'w').bits(0));
  });
});

describe('initialisers', () => {
  const state = (init: Parameters<typeof initialValues>[0]['init'], shape: readonly number[]) =>
    initialValues({ id: 'a->b.w', shape, role: 'parameter', init }, 3);

  test('fill with one number, within bounds, with a spread, or on the diagonal', () => {
    expect([...state({ kind: 'constant', value: 0.5 }, [3])]).toEqual([0.5, 0.5, 0.5]);
    const uniform = state({ kind: 'uniform', bound: 0.25 }, [100, 100]);
    expect(uniform.every((x) => Math.abs(x) <= 0.25)).toBe(true);
    expect(Math.max(...uniform)).toBeGreaterThan(0.249);
    expect(Math.min(...uniform)).toBeLessThan(-0.249);
    const normal = state({ kind: 'normal', std: 0.1 }, [100, 100]);
    expect(Math.sqrt(normal.reduce((sum, x) => sum + x * x, 0) / 10_000)).toBeCloseTo(0.1, 2);
    expect([...state({ kind: 'identity', scale: 2 }, [2, 3])]).toEqual([2, 0, 0, 0, 2, 0]);
    expect([...state({ kind: 'identity', scale: 1 }, [2, 2, 2])]).toEqual([1, 0, 0, 1, 1, 0, 0, 1]);
  });

  test('depend on the seed and the name alone', () => {
    const wide = state({ kind: 'normal', std: 1 }, [4, 4]);
    expect([...state({ kind: 'normal', std: 1 }, [8])]).toEqual([...wide.slice(0, 8)]);
  });
});
