/** The thread of `write-beside.ts`: writes files of batches in the order in which they come. */
import { workerData } from 'node:worker_threads';
import { errorCode } from '../support/atomic.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { ownPath } from '../support/safe-path.ts';
import { type Entry, NewFiles } from './new-files.ts';
import { type Batch, type Problem, SHARED, STATE, type Told, type Writing } from './write-beside.ts';

const { folder, shared, port } = workerData as Writing;
const files = new NewFiles(ownPath(folder));
/** Batches may still be on their way behind the one at which it ended. */
let hasEnded = false;

function tell(told: Told): void {
  port.postMessage(told);
}

function isStopped(): boolean {
  return hasEnded || Atomics.load(shared, SHARED.state) === STATE.stop;
}

function writeBatch({ bytes, pieces }: Batch): void {
  const entries: Entry[] = [];
  let from = 0;
  for (const { path, begins, until, ends } of pieces) {
    if (isStopped()) return;
    if (begins) files.begin(path);
    if (until > from) files.write(bytes.subarray(from, until));
    if (ends) entries.push(files.end());
    from = until;
    Atomics.add(shared, SHARED.files, 1);
    Atomics.notify(shared, SHARED.files);
  }
  tell({ entries });
}

function problemOf(error: unknown): Problem {
  const kind = error instanceof UserError ? 'user' : error instanceof EnvironmentError ? 'environment' : 'other';
  const repair = error instanceof UserError || error instanceof EnvironmentError ? error.repair : undefined;
  return { kind, code: errorCode(error), message: error instanceof Error ? error.message : String(error), repair };
}

function stopWriting(): void {
  hasEnded = true;
  files.close();
  Atomics.compareExchange(shared, SHARED.state, STATE.stop, STATE.ended);
  Atomics.notify(shared, SHARED.state);
}

port.on('message', (batch: Batch) => {
  try {
    writeBatch(batch);
  } catch (error) {
    hasEnded = true;
    tell({ problem: problemOf(error) });
    Atomics.compareExchange(shared, SHARED.state, STATE.ready, STATE.failed);
  }
  if (isStopped()) stopWriting();
  Atomics.add(shared, SHARED.done, 1);
  Atomics.add(shared, SHARED.files, 1);
  Atomics.notify(shared, SHARED.files);
});
Atomics.compareExchange(shared, SHARED.state, STATE.starting, STATE.ready);
