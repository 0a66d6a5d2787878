/** Runs as a synchronizer knows them that does not lead them: for the rights of those who are connected to it. */
import type { Backplane } from '../backplane/backplane.ts';
import { emptySynchronizer } from '../roles/synchronizer.ts';
import { runFrom, type StoredRun, type SynchronizerState } from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import { readStoredRun } from './run-shapes.ts';

export class FollowedRuns {
  readonly #backplane: Pick<Backplane, 'list'>;
  #state = emptySynchronizer(wallNow());

  constructor(backplane: Pick<Backplane, 'list'>) {
    this.#backplane = backplane;
  }

  get state(): SynchronizerState {
    return this.#state;
  }

  /** Said by the leader, before it says anything that follows from it. */
  stored(run: StoredRun): void {
    const runs = { ...this.#state.runs, [run.deployment.run]: runFrom(run, wallNow()) };
    this.#state = { ...this.#state, runs };
  }

  /** As they are kept: where words of the leader may have been missed. */
  async reload(): Promise<void> {
    for (const { key, value } of await this.#backplane.list('run/')) {
      try {
        this.stored(readStoredRun(key, value));
      } catch {
        // The leader sets it aside, and says so.
      }
    }
  }
}
