import { describe, expect, it } from 'vitest';
import { memoryDataset, slice } from '../../../runtime/data/dataset.ts';
import { standardization } from '../../../runtime/data/statistics.ts';

const rows = 50;
const image = { name: 'image', type: 'u8', shape: [4, 5] } as const;
const label = { name: 'label', type: 'i32', shape: [] } as const;
const dataset = memoryDataset('toy', 'made here', [
  { field: image, data: Uint8Array.from({ length: rows * 20 }, (_, i) => i % 251) },
  { field: label, data: Int32Array.from({ length: rows }, (_, i) => i * 10) },
]);

describe('gather', () => {
  it('copies rows in the order asked for', () => {
    const out = new Uint8Array(40);
    dataset.gather('image', [7, 2], out);
    expect([...out.subarray(0, 20)]).toEqual(Array.from({ length: 20 }, (_, e) => (7 * 20 + e) % 251));
    expect([...out.subarray(20)]).toEqual(Array.from({ length: 20 }, (_, e) => (2 * 20 + e) % 251));
  });

  it('refuses rows, fields and arrays that do not fit', () => {
    expect(() => dataset.gather('label', [rows], new Int32Array(1))).toThrow(RangeError);
    expect(() => dataset.gather('label', [-1], new Int32Array(1))).toThrow(RangeError);
    expect(() => dataset.gather('label', [0], new Int32Array(2))).toThrow(RangeError);
    expect(() => dataset.gather('label', [0], new Float32Array(1))).toThrow(RangeError);
    expect(() => dataset.gather('other', [0], new Int32Array(1))).toThrow(RangeError);
  });

  it('refuses columns of different length', () => {
    const short = { field: label, data: new Int32Array(3) };
    const long = { field: { ...label, name: 'other' }, data: new Int32Array(4) };
    expect(() => memoryDataset('bad', '', [short, long])).toThrow(RangeError);
  });
});

describe('slice', () => {
  it('includes both ends and says so in its name', () => {
    const part = slice(dataset, 10, 12);
    const out = new Int32Array(3);
    part.gather('label', [0, 1, 2], out);
    expect([part.name, part.length, ...out]).toEqual(['toy[10..12]', 3, 100, 110, 120]);
    expect(() => part.gather('label', [3], new Int32Array(1))).toThrow(RangeError);
  });

  it('slices a slice', () => {
    const out = new Int32Array(1);
    slice(slice(dataset, 10, 20), 5, 5).gather('label', [0], out);
    expect(out[0]).toBe(150);
  });

  it.each([
    [-1, 3],
    [0, rows],
    [4, 3],
    [0.5, 3],
  ])('refuses %d..%d', (from, to) => {
    expect(() => slice(dataset, from, to)).toThrow(expect.objectContaining({ name: 'UserError', code: 'data/range' }));
  });
});

describe('standardization', () => {
  it('centres by element and divides by one scale', () => {
    const set = memoryDataset('two', '', [
      { field: { name: 'x', type: 'f32', shape: [2] }, data: Float32Array.from([1, 10, 3, 10, 5, 10]) },
    ]);
    const { mean, scale } = standardization(set, 'x');
    expect([...mean]).toEqual([3, 10]);
    expect(scale).toBeCloseTo(Math.sqrt(8 / 6), 12);
  });

  it('agrees with a direct computation over more rows than one piece', () => {
    const values = Float32Array.from({ length: 1000 * 3 }, (_, i) => ((i * 7919) % 1013) / 10 + 1e4);
    const set = memoryDataset('many', '', [{ field: { name: 'x', type: 'f32', shape: [3] }, data: values }]);
    const { mean, scale } = standardization(set, 'x');
    const means = [0, 1, 2].map((e) => values.filter((_, i) => i % 3 === e).reduce((a, b) => a + b, 0) / 1000);
    means.forEach((m, e) => {
      expect(mean[e]).toBeCloseTo(m, 2);
    });
    const squares = values.reduce((sum, x, i) => sum + (x - (means[i % 3] as number)) ** 2, 0);
    expect(scale).toBeCloseTo(Math.sqrt(squares / 3000), 6);
  });

  it('does not divide by zero where all samples are the same', () => {
    const set = memoryDataset('flat', '', [{ field: label, data: new Int32Array(5).fill(4) }]);
    expect(standardization(set, 'label')).toEqual({ mean: Float32Array.from([4]), scale: 1 });
  });
});
