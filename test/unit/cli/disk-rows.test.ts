/** Rows that are read from the disk take some of a processor's time, and what was written to measure it is gone. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { diskRowCost } from '../../../runtime/cli/measuring/disk-rows.ts';

afterEach(() => vi.unstubAllEnvs());

test('a row from the disk is measured, and nothing is left of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-rows-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
  expect(await diskRowCost()).toBeGreaterThan(0);
  expect(readdirSync(join(folder, 'nmc'))).toEqual([]);
});
