import { expect, test } from 'vitest';
import { type Dataset, memoryDataset } from '../../../runtime/data/dataset.ts';
import { feedBatches } from '../../../runtime/data/feed.ts';
import { movePictures } from '../../../spec/picture-moves.ts';

const [ROWS, SIDE] = [40, 6];
const SHAPE = [SIDE, SIDE, 2];
const SIZE = SIDE * SIDE * 2;
/** No element is zero, and all elements of a picture differ. */
const pictures = (): Uint8Array => Uint8Array.from({ length: ROWS * SIZE }, (_, i) => 1 + (i % SIZE));
const rows = Uint32Array.from({ length: ROWS }, (_, i) => i);

function moved(by: number, flip: boolean, epoch = 0, seed = 1): Uint8Array {
  const values = pictures();
  movePictures(values, SHAPE, rows, { by, flip }, { seed, epoch });
  return values;
}

/** By its first place that holds something: how far the picture went, and whether it is mirrored. */
function moveOf(values: Uint8Array, row: number): string {
  const at = (y: number, x: number): number => values[row * SIZE + 2 * (y * SIDE + x)] as number;
  const original = (y: number, x: number): number => 1 + 2 * (y * SIDE + x);
  const moves: string[] = [];
  for (let down = -2; down <= 2; down++)
    for (let right = -2; right <= 2; right++)
      for (const flipped of [false, true]) {
        const same = rows.slice(0, SIDE).every((_, y) =>
          rows.slice(0, SIDE).every((__, x) => {
            const [fromY, movedX] = [y - down, x - right];
            const fromX = flipped ? SIDE - 1 - movedX : movedX;
            const inside = fromY >= 0 && fromY < SIDE && fromX >= 0 && fromX < SIDE;
            return at(y, x) === (inside ? original(fromY, fromX) : 0);
          }),
        );
        if (same) moves.push(`${down} ${right} ${flipped}`);
      }
  expect(moves).toHaveLength(1);
  return moves[0] ?? '';
}

test('every picture is the old one moved as a whole, and all moves come about', () => {
  const seen = new Set<string>();
  for (let epoch = 0; epoch < 10; epoch++) {
    const values = moved(1, true, epoch);
    for (let row = 0; row < ROWS; row++) seen.add(moveOf(values, row));
  }
  expect(seen.size).toBe(3 * 3 * 2);
});

test('a picture does not move by nothing, nor is it mirrored unless it is said', () => {
  expect(moved(0, false)).toEqual(pictures());
  const values = moved(2, false);
  for (let row = 0; row < ROWS; row++) expect(moveOf(values, row)).toMatch(/false$/);
});

test('the move depends on the seed, the epoch and the number of the sample alone', () => {
  expect(moved(2, true)).toEqual(moved(2, true));
  expect(moved(2, true, 0)).not.toEqual(moved(2, true, 1));
  expect(moved(2, true, 0, 1)).not.toEqual(moved(2, true, 0, 2));
  const one = pictures().slice(0, SIZE);
  movePictures(one, SHAPE, [7], { by: 2, flip: true }, { seed: 1, epoch: 0 });
  expect(one).toEqual(moved(2, true).slice(7 * SIZE, 8 * SIZE));
});

test('a feed moves pictures and leaves the other fields', async () => {
  const plain: Dataset = memoryDataset('pictures', '', [
    { field: { name: 'image', type: 'u8', shape: SHAPE }, data: pictures() },
    { field: { name: 'label', type: 'i32', shape: [] }, data: Int32Array.from(rows) },
  ]);
  const dataset = { ...plain, moved: { by: 2, flip: true } };
  const order = { seed: 1, batch: 8, epochs: 2 };
  let batches = 0;
  for await (const { epoch, rows: chosen, fields, release } of feedBatches(dataset, order, ['image', 'label'])) {
    const expected = moved(2, true, epoch);
    const images = [...chosen].flatMap((row) => [...expected.subarray(row * SIZE, (row + 1) * SIZE)]);
    expect([...(fields.image ?? [])]).toEqual(images);
    expect([...(fields.label ?? [])]).toEqual([...chosen]);
    release();
    batches++;
  }
  expect(batches).toBe(10);
});
