/**
 * Whatever a run of the tests puts into the folder for temporary files, and the processes that they start, lies in one
 * folder, which goes with the run: also what a test that failed, or was ended, has left there.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from './remove-folder.ts';

export default function oneFolder(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-tests-'));
  process.env.TMPDIR = folder;
  return () => removeFolder(folder);
}
