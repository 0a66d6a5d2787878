/** `data.glyphs` in a page: the same digits as everywhere, drawn in this thread. */
import { stream } from '../../spec/random.ts';
import { type Dataset, memoryDataset } from '../data/dataset.ts';
import { digitOf, glyphDrawer } from '../data/glyphs/draw.ts';
import { SIDE } from '../data/glyphs/painter.ts';

export function drawDigits(split: 'train' | 'test', seed: number, count: number): Dataset {
  const rng = stream(seed, `glyphs/${split}`);
  const images = new Uint8Array(count * SIDE * SIDE);
  const drawer = glyphDrawer(stream(seed, `glyphs/${split}`), false);
  for (let i = 0; i < count; i++) drawer.draw(i, images, i * SIDE * SIDE);
  const digits = Int32Array.from({ length: count }, (_, i) => digitOf(rng, i));
  return memoryDataset(`glyphs.${split}`, `generated from seed ${seed}`, [
    { field: { name: 'image', type: 'u8', shape: [SIDE, SIDE] }, data: images },
    { field: { name: 'digit', type: 'i32', shape: [] }, data: digits },
  ]);
}
