/** A cache of blobs keeps what was used last, within its bound. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BlobCache } from '../../runtime/backplane/blob-cache.ts';
import { removeFolder } from '../support/remove-folder.ts';

test('the blob that was used last stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-cache-'));
  try {
    const cache = new BlobCache(folder, 3000);
    const hashes: string[] = [];
    for (let i = 0; i < 10; i++) {
      hashes.push(cache.put(new Uint8Array(1000).fill(i)));
      cache.get(hashes[0] ?? '');
      await sleep(5);
    }
    const there = hashes.map((hash) => cache.get(hash) !== undefined);
    expect(there).toEqual([true, ...Array.from({ length: 7 }, () => false), true, true]);
    // Smaller when it is opened: the next time it begins within its bound.
    new BlobCache(folder, 1000);
    expect(hashes.filter((hash) => cache.get(hash))).toHaveLength(1);
  } finally {
    removeFolder(folder);
  }
});
