/** The digits that the build draws beforehand are those that a training would draw. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BUILT_SEED } from '../../runtime/data/glyphs/built-sheets.ts';
import { glyphs } from '../../runtime/data/sources/glyphs.ts';
import { ROOT } from '../support/repository.ts';

const PIXELS = 28 * 28;

test.each([
  ['train', 10_000],
  ['test', 2_000],
] as const)('sheets from %s are drawn as sheets from here', (split, count) => {
  const built = readFileSync(join(ROOT, `dist/data/glyphs-${split}.bin`));
  expect(built.length).toBe(count * PIXELS);
  const drawn = glyphs(split, { seed: BUILT_SEED });
  const given = glyphs(split, { seed: BUILT_SEED, drawn: built });
  const rows = [0, 1, 17, count / 2, count - 1];
  for (const field of ['image', 'digit'] as const) {
    const places = [drawn, given].map((set) => {
      const out = field === 'image' ? new Uint8Array(rows.length * PIXELS) : new Int32Array(rows.length);
      set.gather(field, rows, out);
      return out;
    });
    expect(places[1]).toEqual(places[0]);
  }
});

test('sheets that are too few are drawn anew', () => {
  const image = new Uint8Array(PIXELS);
  const expected = new Uint8Array(PIXELS);
  glyphs('test', { seed: 9, samples: 3, drawn: new Uint8Array(2 * PIXELS) }).gather('image', [2], image);
  glyphs('test', { seed: 9, samples: 3 }).gather('image', [2], expected);
  expect(image).toEqual(expected);
});
