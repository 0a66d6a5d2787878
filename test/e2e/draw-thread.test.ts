/** The thread that draws ahead, as it is built: the same bytes as drawn here, and what is there already is left alone. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { SIDE } from '../../runtime/data/glyphs/painter.ts';
import { emptySheets } from '../../runtime/data/glyphs/sheets.ts';
import { glyphs } from '../../runtime/data/sources/glyphs.ts';
import { ROOT } from '../support/repository.ts';

const COUNT = 40;
const PIXELS = SIDE * SIDE;
const THERE = 7;

test('two threads draw the same set', async () => {
  const sheets = emptySheets(COUNT, { seed: 5, stream: 'glyphs/train', rotated: true });
  sheets.drawn[THERE] = 1;
  await once(new Worker(join(ROOT, 'dist/bundle/runtime-data-glyphs-draw-thread.cjs'), { workerData: sheets }), 'exit');
  expect(sheets.drawn.every((done) => done === 1)).toBe(true);
  const expected = new Uint8Array(COUNT * PIXELS);
  const all = Array.from({ length: COUNT }, (_, i) => i);
  glyphs('train', { seed: 5, rotated: true, samples: COUNT }).gather('image', all, expected);
  expected.fill(0, THERE * PIXELS, (THERE + 1) * PIXELS);
  expect(Buffer.compare(Buffer.from(sheets.images), Buffer.from(expected))).toBe(0);
});
