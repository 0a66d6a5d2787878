/** What the disk takes to keep a blob for certain: a file that is written, flushed and named, and the folder that names it. */
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { BlobFiles } from '../../backplane/blob-files.ts';
import { cacheFolder } from '../../support/cache-folder.ts';
import { removeAll } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { lowerQuartile } from './measure.ts';

/** As a part of a snapshot of a small network. */
const BLOB_BYTES = 1e6;
const RUNS = 9;

/** Seconds, as a synchronizer keeps parts; 0, which counts nothing, where there is no folder to write to. */
export function flushCost(): number {
  const folder = ownPath(join(cacheFolder(), `flush-${process.pid}`));
  try {
    const files = new BlobFiles(folder);
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const bytes = randomFillSync(new Uint8Array(BLOB_BYTES));
      const began = performance.now();
      files.put(bytes);
      times.push((performance.now() - began) / 1000);
    }
    return lowerQuartile(times);
  } catch {
    return 0;
  } finally {
    removeAll(folder);
  }
}
