/** Folders beside a plan in which it is written, and those that writers left which were killed. */
import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { temporaryFor } from '../support/atomic.ts';
import { isProcessAlive } from '../support/process-alive.ts';
import { removeAll } from '../support/safe-files.ts';
import { ownPath, type SafePath } from '../support/safe-path.ts';

/** Says whose it is: the processes of another machine, on a disk that both write, are none of this one's. */
const OWN = hostname().replace(/[^\w.-]/g, '_');

/** @returns `.PLAN.MACHINE.PROCESS-COUNT.tmp` beside the plan */
export function scratchFor(place: string): SafePath {
  return temporaryFor(ownPath(`${place}.${OWN}`));
}

/** Removes what processes of this machine that are no longer there have left at the same place. */
export function removeAbandoned(place: string): void {
  const folder = dirname(place);
  const start = `.${basename(place)}.${OWN}.`;
  try {
    for (const name of readdirSync(folder)) {
      const writer = name.startsWith(start) ? /^(\d+)-\d+\.tmp$/.exec(name.slice(start.length))?.[1] : undefined;
      if (writer !== undefined && !isProcessAlive(Number(writer))) removeAll(ownPath(folder, name));
    }
  } catch {
    // Another user's, or another process removes it at this moment: nothing that is written here depends on it.
  }
}
