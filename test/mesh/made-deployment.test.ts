/** A data set becomes blobs piece by piece: the machine that deploys it need not have room for it. */
import { expect, test } from 'vitest';
import { type Dataset, type FieldArray, sizeOf } from '../../runtime/data/dataset.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import { tinyDeployment } from './hostile/tiny-deployment.ts';

const ROWS = 20_000;
const PIECE_BYTES = 4 * 1024 * 1024;

/** Every row has values of its own, and none is kept. */
function drawn(asked: (bytes: number) => void): Dataset {
  const fields = [
    { name: 'image', type: 'u8', shape: [28, 28] },
    { name: 'digit', type: 'i32', shape: [] },
  ] as const;
  return {
    ...{ name: 'drawn', origin: 'drawn', length: ROWS, fields },
    gather(name: string, rows: ArrayLike<number>, out: FieldArray) {
      const field = fields.find((f) => f.name === name);
      const size = field ? sizeOf(field) : 0;
      asked(out.byteLength);
      for (let k = 0; k < rows.length; k++)
        for (let e = 0; e < size; e++) out[k * size + e] = ((rows[k] as number) * 31 + e) % 251;
    },
  };
}

test('no more than a piece of a column is there at a time, when it is hashed and when it is wanted', () => {
  let most = 0;
  const { deployment, blobs } = tinyDeployment(
    drawn((bytes) => {
      most = Math.max(most, bytes);
    }),
  );
  const image = deployment.train.columns.find((c) => c.name === 'image');
  expect(image?.blobs.length).toBe(Math.ceil(ROWS / Math.floor(PIECE_BYTES / 784)));
  expect(image?.blobs.reduce((sum, b) => sum + b.bytes, 0)).toBe(ROWS * 784);
  for (const { blob, bytes } of image?.blobs ?? []) {
    const found = blobs.get(blob) ?? new Uint8Array(0);
    expect([found.length, hex(sha256(found))]).toEqual([bytes, blob]);
  }
  expect(most).toBeLessThanOrEqual(PIECE_BYTES);
});
