/** Trains nothing, as fast as it can: an epoch of metrics and a snapshot, again and again, until it is killed. */

import { existsSync } from 'node:fs';
import { createRun } from '../../../runtime/store/create-run.ts';
import { resumeRun } from '../../../runtime/store/run-folder.ts';
import { CONFIG, stateAt } from './fixtures.ts';

const SIZE = 20_000;
const directory = process.argv[2] ?? '';
process.stdout.write('begun\n');
const run = existsSync(directory)
  ? resumeRun(directory)
  : createRun({ directory }, CONFIG, stateAt(0, 0, SIZE), { files: new Map([['program.txt', 'x'.repeat(1000)]]) });
const first = run.resumedFrom.update + 1;
for (let update = first; update < first + 1e6; update += 1) {
  // Two updates an epoch, so that snapshots within an epoch are killed too.
  const state = stateAt(update, Math.floor(update / 2), SIZE);
  if (update % 2 === 0) run.finishEpoch({ epoch: state.epoch, energy: 1 / update, accuracy: 0.5 }, state);
  else run.saveSnapshot(state);
  process.stdout.write('saved\n');
}
