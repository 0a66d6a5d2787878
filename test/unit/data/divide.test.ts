/** Parts of divided data: what is in them follows from the seed, and no sample is in both. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import { divide } from '../../../runtime/data/divide.ts';

const x = { name: 'x', type: 'i32', shape: [] } as const;
const numbered = (count: number) =>
  memoryDataset('d', 'd', [{ field: x, data: Int32Array.from({ length: count }, (_, i) => i) }]);

function rowsOf(count: number, share: number, seed: number, name: 'train' | 'test'): number[] {
  const part = divide(numbered(count), { share, seed, name });
  const out = new Int32Array(part.length);
  part.gather(
    'x',
    out.map((_, i) => i),
    out,
  );
  return [...out];
}

describe('divided data', () => {
  it('have each sample in one part, in its order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 300 }),
        fc.double({ min: 0.3, max: 0.7, noNaN: true }),
        fc.nat(),
        (count, share, seed) => {
          const [train, test] = [rowsOf(count, share, seed, 'train'), rowsOf(count, share, seed, 'test')];
          expect(train.length).toBe(Math.round(share * count));
          for (const part of [train, test]) expect(part).toEqual(part.toSorted((a, b) => a - b));
          expect([...train, ...test].sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
        },
      ),
    );
  });

  it('are the same for a seed, on every machine, and others for another one', () => {
    expect(rowsOf(12, 0.75, 1, 'test')).toEqual(rowsOf(12, 0.75, 1, 'test'));
    expect(rowsOf(12, 0.75, 1, 'test')).toMatchInlineSnapshot(`
      [
        1,
        8,
        10,
      ]
    `);
    expect(rowsOf(100, 0.5, 1, 'train')).not.toEqual(rowsOf(100, 0.5, 2, 'train'));
  });

  it('are refused where a part would be empty', () => {
    expect(() => rowsOf(3, 0.1, 1, 'train')).toThrow('d has 3 samples: a part of 0.1 leaves none to train on');
    expect(() => rowsOf(3, 0.9, 1, 'test')).toThrow('none to test on');
  });

  it('refuse a row after their last one', () => {
    const part = divide(numbered(10), { share: 0.5, seed: 1, name: 'train' });
    expect(() => part.gather('x', [5], new Int32Array(1))).toThrow(RangeError);
  });
});
