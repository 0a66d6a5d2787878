/**
 * What a row of a training set costs that lies on the disk: of a column too large for memory each batch reads some rows
 * of nearly every part, in the thread that feeds the shard. Such a column is larger than what caches of a processor keep:
 * rows that lay in these took half as long.
 */
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { stream } from '../../../spec/random.ts';
import { BlobFiles } from '../../backplane/blob-files.ts';
import { DiskColumn } from '../../net/disk-columns.ts';
import { cacheFolder } from '../../support/cache-folder.ts';
import { removeAll } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { processorSeconds } from './measure.ts';

/** Rows as long as those of MNIST, 64 MB of them. */
const [PARTS, ROWS_OF_PART, ROW_BYTES, SAMPLES] = [32, 2560, 784, 128] as const;
/** Other rows in each batch, until most parts have been read. */
const BATCHES = 512;
/** Until the code is compiled, as a training's is in its first seconds. */
const WARM_BATCHES = 200;
const [RUNS, PASSES] = [64, 3] as const;

/** Seconds of a processor; 0, which counts nothing, where there is no folder to write to. */
export async function diskRowCost(): Promise<number> {
  const folder = ownPath(join(cacheFolder(), `rows-${process.pid}`));
  try {
    const files = new BlobFiles(folder, false);
    const bytes = ROWS_OF_PART * ROW_BYTES;
    const part = new Uint8Array(bytes);
    const blobs = Array.from({ length: PARTS }, () => {
      // No two have the same name.
      randomFillSync(part, 0, 32);
      return { blob: files.put(part), bytes };
    });
    const column = { name: 'x', type: 'u8' as const, shape: [ROW_BYTES], blobs };
    const rows = new DiskColumn({ name: 'rows', length: PARTS * ROWS_OF_PART, columns: [column] }, column, {
      bring: async ({ blob }) => void files.readOften(blob, []),
      read: (blob, reads) => files.readOften(blob, reads),
    });
    try {
      return await secondsOfRow(rows);
    } finally {
      for (const { blob } of blobs) files.remove(blob);
    }
  } catch {
    return 0;
  } finally {
    removeAll(folder);
  }
}

async function secondsOfRow(column: DiskColumn): Promise<number> {
  const batches = Array.from({ length: BATCHES }, (_, batch) => {
    const rng = stream(0, `rows of batch ${batch}`);
    return Array.from({ length: SAMPLES }, (_, i) => Math.floor(rng.uniform(i) * PARTS * ROWS_OF_PART));
  });
  let next = 0;
  const batch = async (): Promise<void> => {
    const rows = batches[next++ % BATCHES] as readonly number[];
    // It is brought when it is wanted, and was before, while others were trained on.
    await column.bring(rows);
    await column.bring(rows);
    column.gather(rows);
  };
  for (let warm = 0; warm < WARM_BATCHES; warm++) await batch();
  return (await processorSeconds(batch, RUNS, PASSES)) / SAMPLES;
}
