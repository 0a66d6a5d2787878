import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SHAPES } from '../../../runtime/data/glyphs/shapes.ts';
import { type GlyphSplit, glyphs } from '../../../runtime/data/sources/glyphs.ts';

function images(split: GlyphSplit, seed: number, indices: readonly number[], rotated = false): Uint8Array {
  const out = new Uint8Array(784 * indices.length);
  glyphs(split, { seed, rotated }).gather('image', indices, out);
  return out;
}

describe('glyphs', () => {
  it('have the sizes, fields and names of their contract', () => {
    const train = glyphs('train', { seed: 3 });
    expect([train.name, train.length, train.origin]).toEqual(['glyphs.train', 10_000, 'generated from seed 3']);
    expect(glyphs('test', { seed: 3 }).length).toBe(2_000);
    expect(train.fields).toEqual([
      { name: 'image', type: 'u8', shape: [28, 28] },
      { name: 'digit', type: 'i32', shape: [] },
    ]);
  });

  it('depend on seed, split and number only, not on what was drawn before', () => {
    const alone = images('train', 1, [42]);
    expect(images('train', 1, [7, 9_999, 42]).subarray(2 * 784)).toEqual(alone);
    expect(images('train', 2, [42])).not.toEqual(alone);
    expect(images('test', 1, [42])).not.toEqual(alone);
    expect(images('train', 1, [42], true)).not.toEqual(alone);
    expect(images('train', 1, [42, 42]).subarray(784)).toEqual(alone);
  });

  it('are the same bytes on every machine and in every version', () => {
    const bytes = images(
      'train',
      1,
      Array.from({ length: 50 }, (_, i) => i),
    );
    expect(createHash('sha256').update(bytes).digest('hex')).toMatchInlineSnapshot(
      `"31c37e303fea7b3a391006b2884744415f9b8faa1c4a566b5c17f2244b327fc9"`,
    );
  });

  it('have all digits about equally often', () => {
    const set = glyphs('train', { seed: 1 });
    const digits = new Int32Array(set.length);
    set.gather(
      'digit',
      Uint32Array.from({ length: set.length }, (_, i) => i),
      digits,
    );
    const counts = SHAPES.map((_, digit) => digits.filter((d) => d === digit).length);
    expect(Math.min(...counts)).toBeGreaterThan(880);
    expect(Math.max(...counts)).toBeLessThan(1120);
  });

  it('have ink on a dark sheet, inside its borders', () => {
    const indices = Array.from({ length: 300 }, (_, i) => i);
    const pixels = images('train', 5, indices);
    for (const i of indices) {
      const picture = pixels.subarray(i * 784, (i + 1) * 784);
      const lit = picture.filter((v) => v > 100).length;
      expect(lit).toBeGreaterThan(8);
      expect(lit).toBeLessThan(400);
    }
    const border = indices.flatMap((i) => [...pixels.subarray(i * 784, i * 784 + 28)]);
    expect(border.filter((v) => v > 100).length / border.length).toBeLessThan(0.02);
  });

  it('come in any number, and the first ones stay the same', () => {
    const few = glyphs('test', { seed: 1, samples: 5 });
    const out = new Uint8Array(784);
    few.gather('image', [4], out);
    expect(out).toEqual(images('test', 1, [4]));
    expect(() => few.gather('image', [5], out)).toThrow(RangeError);
  });
});
