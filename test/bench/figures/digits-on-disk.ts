/** Data in the form and size of MNIST, drawn by the program itself: nothing is downloaded for a benchmark. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { glyphs } from '../../../runtime/data/sources/glyphs.ts';

const [TRAIN, TEST] = [60_000, 1_000];
/** Drawn once; the others are copies, which cost a training as much. */
const DRAWN = 5_000;
const SIDE = 28;

/** Writes `mnist/` with its four files into a folder that `--data` can name. */
export function writeDigits(folder: string): void {
  mkdirSync(join(folder, 'mnist'), { recursive: true });
  const drawn = glyphs('train', { seed: 1, samples: DRAWN });
  for (const [stem, count] of [
    ['train', TRAIN],
    ['t10k', TEST],
  ] as const) {
    const rows = Uint32Array.from({ length: count }, (_, i) => i % DRAWN);
    const images = new Uint8Array(count * SIDE * SIDE);
    const digits = new Int32Array(count);
    drawn.gather('image', rows, images);
    drawn.gather('digit', rows, digits);
    const write = (what: string, sizes: readonly number[], bytes: Uint8Array): void =>
      writeFileSync(
        join(folder, 'mnist', `${stem}-${what}-idx${sizes.length}-ubyte`),
        Buffer.concat([header(sizes), bytes]),
      );
    write('images', [count, SIDE, SIDE], images);
    write('labels', [count], Uint8Array.from(digits));
  }
}

/** IDX of unsigned bytes. */
function header(sizes: readonly number[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  bytes.setUint8(2, 8);
  bytes.setUint8(3, sizes.length);
  sizes.forEach((size, i) => {
    bytes.setUint32(4 + 4 * i, size);
  });
  return new Uint8Array(bytes.buffer);
}
