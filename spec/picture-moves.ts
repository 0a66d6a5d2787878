/**
 * Pictures moved by chance: a function of the seed of the training, the epoch and the number of the sample alone, so
 * all shards that are fed a sample move it the same way, and it stays so while values settle.
 */
import type { PictureMoves } from './plan.ts';
import { stream } from './random.ts';

type Values = Uint8Array | Int32Array | Float32Array;

/** [height, width] or [height, width, channels]. */
export function isPictureShape(shape: readonly number[]): boolean {
  return shape.length === 2 || shape.length === 3;
}

/** Draws of one sample. */
const DRAWS = 3;

/**
 * Moves pictures that lie one after the other, in place; zeros come in from outside.
 *
 * @param rows numbers of the samples in the data
 * @param shape of one picture
 */
export function movePictures(
  values: Values,
  shape: readonly number[],
  rows: ArrayLike<number>,
  moves: PictureMoves,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): void {
  const [height = 1, width = 1, channels = 1] = shape;
  const size = height * width * channels;
  const rng = stream(seed, `moved/${epoch}`);
  const drawn = (at: number): number => Math.floor(rng.uniform(at) * (2 * moves.by + 1)) - moves.by;
  for (let i = 0; i < rows.length; i++) {
    const at = DRAWS * (rows[i] as number);
    const [down, right] = [drawn(at), drawn(at + 1)];
    const flipped = moves.flip && rng.uniform(at + 2) < 0.5;
    if (down === 0 && right === 0 && !flipped) continue;
    const picture = values.subarray(i * size, (i + 1) * size);
    const before = picture.slice();
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [fromY, movedX] = [y - down, x - right];
        const fromX = flipped ? width - 1 - movedX : movedX;
        const inside = fromY >= 0 && fromY < height && fromX >= 0 && fromX < width;
        const [to, from] = [(y * width + x) * channels, (fromY * width + fromX) * channels];
        for (let c = 0; c < channels; c++) picture[to + c] = inside ? (before[from + c] as number) : 0;
      }
  }
}
