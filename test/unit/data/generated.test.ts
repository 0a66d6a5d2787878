/** Data sets that the program makes itself, and sequences of samples. */
import { describe, expect, it } from 'vitest';
import { allocate, type Dataset, findField } from '../../../runtime/data/dataset.ts';
import { sequences } from '../../../runtime/data/sequences.ts';
import { glyphs } from '../../../runtime/data/sources/glyphs.ts';
import { senses } from '../../../runtime/data/sources/senses.ts';
import { add, identity, inverse, multiply } from '../../../runtime/data/sources/small-matrices.ts';
import { DYNAMICS, HIDDEN, kalmanFilter, OBSERVATION, SEEN, tracking } from '../../../runtime/data/sources/tracking.ts';
import { standardization } from '../../../runtime/data/statistics.ts';

function rowsOf(dataset: Dataset, name: string, rows: readonly number[]): number[] {
  const out = allocate(findField(dataset, name), rows.length);
  dataset.gather(name, rows, out);
  return Array.from(out);
}

describe('sequences', () => {
  const plain = glyphs('test', { seed: 1, samples: 11 });
  const grouped = sequences(plain, 4);

  it('hold consecutive samples, and leave out the rest', () => {
    expect(grouped).toMatchObject({ length: 2, rest: 3, name: 'glyphs.test.sequences(4)' });
    expect(sequences(glyphs('test', { seed: 1, samples: 8 }), 4).rest).toBeUndefined();
    expect(grouped.fields.map((f) => f.shape)).toEqual([[4, 28, 28], [4]]);
    expect(rowsOf(grouped, 'digit', [1, 0])).toEqual(rowsOf(plain, 'digit', [4, 5, 6, 7, 0, 1, 2, 3]));
    expect(rowsOf(grouped, 'image', [1])).toEqual(rowsOf(plain, 'image', [4, 5, 6, 7]));
    expect(() => rowsOf(grouped, 'digit', [2])).toThrow(RangeError);
  });

  it('need enough samples', () => {
    expect(() => sequences(plain, 12)).toThrow('fewer than one sequence');
  });

  it('are centred by the elements of one step', () => {
    const whole = standardization(glyphs('test', { seed: 1, samples: 8 }), 'image');
    expect(standardization(grouped, 'image', 784)).toEqual(whole);
  });
});

describe('senses', () => {
  const some = senses('train', { seed: 1, samples: 300 });
  const all = Array.from({ length: 300 }, (_, i) => i);

  it('are the same for the same seed, whatever their number', () => {
    const fewer = senses('train', { seed: 1, samples: 10 });
    for (const { name } of some.fields) expect(rowsOf(fewer, name, [3, 7])).toEqual(rowsOf(some, name, [3, 7]));
    expect(rowsOf(senses('train', { seed: 2, samples: 10 }), 'sound', [3])).not.toEqual(rowsOf(fewer, 'sound', [3]));
  });

  it('come at least one at a time, each in about two of three samples', () => {
    const flags = ['has_image', 'has_sound', 'has_touch'].map((name) => rowsOf(some, name, all));
    for (const sense of flags) expect(sense.reduce((a, b) => a + b, 0) / 300).toBeCloseTo(0.67, 0);
    for (const i of all) expect(flags.some((sense) => sense[i] === 1)).toBe(true);
  });
});

describe('tracking', () => {
  const data = tracking('test', { seed: 1, steps: 40 });
  const all = Array.from({ length: data.length }, (_, i) => i);
  const [hidden, seen, kalman] = ['hidden', 'seen', 'kalman'].map((name) => rowsOf(data, name, all)) as [
    number[],
    number[],
    number[],
  ];

  it('moves by its law, under noise of variance 1', () => {
    let squares = 0;
    let count = 0;
    for (const i of all)
      for (let t = 1; t < 40; t++) {
        const at = (i * 40 + t) * HIDDEN;
        const before = hidden.slice(at - HIDDEN, at);
        DYNAMICS.forEach((row, k) => {
          const expected = row.reduce((sum, a, j) => sum + a * (before[j] as number), 0);
          squares += ((hidden[at + k] as number) - expected) ** 2;
          count++;
        });
      }
    expect(squares / count).toBeCloseTo(1, 1);
  });

  it("carries the Kalman filter's estimate, whose error is that of its own covariance", () => {
    const filter = kalmanFilter();
    const first = Array.from({ length: 40 }, (_, t) => filter(seen.slice(t * SEEN, (t + 1) * SEEN)));
    for (const [e, v] of first.flat().entries()) expect(v).toBeCloseTo(kalman[e] ?? Number.NaN, 5);
    const error = hidden.reduce((sum, v, i) => sum + (v - (kalman[i] as number)) ** 2, 0) / hidden.length;
    expect(error).toBeCloseTo(settledVariance(), 1);
  });
});

/** Mean variance of the filter's estimate after many steps: P = (M⁻¹ + CᵀC)⁻¹, M = A P Aᵀ + I. */
function settledVariance(): number {
  const transposed = (m: readonly (readonly number[])[]): number[][] =>
    (m[0] ?? []).map((_, j) => m.map((row) => row[j] as number));
  const information = multiply(transposed(OBSERVATION), OBSERVATION);
  let p: number[][] = identity(HIDDEN);
  for (let t = 0; t < 100; t++) {
    const before = add(multiply(multiply(DYNAMICS, p), transposed(DYNAMICS)), identity(HIDDEN));
    p = inverse(add(inverse(before), information));
  }
  return p.reduce((sum, row, i) => sum + (row[i] as number), 0) / HIDDEN;
}
