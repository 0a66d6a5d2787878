/**
 * Records of a synchronizer, in its backplane: runs by revision, their logs, and what is kept without being told.
 */
import type { RunEvent } from '../../spec/run-events.ts';
import type { Backplane, Entry } from '../backplane/backplane.ts';
import { type Ending, settle } from '../driver/ending.ts';
import type { StorePort } from '../driver/synchronizer-driver.ts';
import type { StoredRun } from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import { appendBounded, MAX_COMMITS, MAX_LOG_ENTRIES } from './bounded-stream.ts';
import { Fenced } from './fenced-backplane.ts';
import { readStoredRun } from './run-shapes.ts';

/** Before the name of a run: the key of its record. */
const RUN = 'run/';
/** Before the key of a record that cannot be read. */
const DAMAGED = 'damaged/';

export interface SynchronizerStoreOptions {
  readonly backplane: Backplane;
  /** Of several synchronizers: from now on nothing follows what is there in a stream but what this one writes. */
  readonly meet?: (stream: string) => Promise<void>;
  /** It is durable: what it names is not garbage. */
  readonly persisted: (run: StoredRun) => Promise<void>;
  readonly notCollected: (error: unknown) => void;
  /** Of several synchronizers: a write for this run has failed, and it is led no longer; absent: nothing goes on. */
  readonly lost?: (run: string, error: unknown) => void;
  readonly allot?: StorePort['allot'];
  readonly overtook?: StorePort['overtook'];
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

export class SynchronizerStore implements StorePort {
  readonly #options: SynchronizerStoreOptions;
  readonly #revisions = new Map<string, number>();

  readonly allot?: NonNullable<StorePort['allot']>;
  readonly overtook?: NonNullable<StorePort['overtook']>;

  constructor(options: SynchronizerStoreOptions) {
    this.#options = options;
    if (options.allot) this.allot = options.allot;
    if (options.overtook) this.overtook = options.overtook;
  }

  /** All runs that are stored. */
  async runs(): Promise<StoredRun[]> {
    const stored: StoredRun[] = [];
    for (const listed of await this.#options.backplane.list(RUN)) {
      const run = await this.#begin(listed);
      if (run) stored.push(run);
    }
    return stored;
  }

  /** Of several synchronizers: those that can be read, and names of the others, which wait for a leader to set them aside. */
  async known(): Promise<{ readonly runs: readonly StoredRun[]; readonly unreadable: readonly string[] }> {
    const runs: StoredRun[] = [];
    const unreadable: string[] = [];
    for (const { key, value } of await this.#options.backplane.list(RUN)) {
      try {
        runs.push(readStoredRun(key, value));
      } catch {
        unreadable.push(key.slice(RUN.length));
      }
    }
    return { runs, unreadable };
  }

  /** This one leads the run from now on. @returns nothing where none is stored */
  async lead(run: string): Promise<StoredRun | undefined> {
    const { meet, backplane } = this.#options;
    await meet?.(logOf(run));
    const found = await backplane.get(RUN + run);
    return found && this.#begin(found);
  }

  /** Another one may lead it. */
  leave(run: string): void {
    this.#revisions.delete(RUN + run);
  }

  async #begin(found: Entry): Promise<StoredRun | undefined> {
    const { value, revision, key } = await this.#takeOver(found);
    const run = this.#read(key, value);
    if (!run) {
      await this.#setAside(key, value, revision);
      return undefined;
    }
    this.#revisions.set(key, revision);
    await this.#options.persisted(run);
    return run;
  }

  /** The same value in a new revision: a change that names an earlier one, and is still under way, comes too late. */
  async #takeOver(found: Entry): Promise<Entry> {
    const { backplane, meet } = this.#options;
    if (!meet) return found;
    // Before the entry: a leader that has looked at an older end than another one cannot have the newest entry, too.
    await meet(logOf(found.key.slice(RUN.length)));
    for (let entry: Entry | undefined = found; entry; entry = await backplane.get(found.key)) {
      const revision = await backplane.put(entry.key, entry.value, entry.revision);
      if (revision !== undefined) return { ...entry, revision };
    }
    return found;
  }

  /** A word of its own in the log of a run. */
  async note(run: string, event: RunEvent): Promise<void> {
    await this.#log(run, { time: wallNow(), ...event });
  }

  #read(key: string, value: string): StoredRun | undefined {
    try {
      return readStoredRun(key, value);
    } catch (error) {
      this.#options.log({ event: 'run-damaged', key, message: String(error), kept: DAMAGED + key });
      return undefined;
    }
  }

  /** One record that cannot be read keeps no other run from going on; it stays where somebody may look at it. */
  async #setAside(key: string, value: string, revision: number): Promise<void> {
    const aside = DAMAGED + key;
    const before = await this.#options.backplane.get(aside);
    await this.#options.backplane.put(aside, value, before?.revision ?? 0);
    await this.#options.backplane.remove(key, revision);
  }

  /** Names of runs whose records were set aside. */
  async damaged(): Promise<readonly string[]> {
    const prefix = DAMAGED + RUN;
    return (await this.#options.backplane.list(prefix)).map(({ key }) => key.slice(prefix.length));
  }

  readonly persist: StorePort['persist'] = (run, value, ending) => {
    this.#settle(run, this.#put(RUN + run, value), ending);
  };

  readonly log: StorePort['log'] = (run, event, ending) => {
    this.#settle(run, this.#log(run, event), ending);
  };

  readonly keep: StorePort['keep'] = (stream, value, ending) => {
    const kept = async (): Promise<void> => {
      await appendBounded(this.#options.backplane, stream, JSON.stringify(value), MAX_COMMITS);
    };
    this.#settle(stream.slice(stream.indexOf('/') + 1), kept(), ending);
  };

  /** Of several synchronizers: what cannot be written for one run ends the lead of that one. */
  #settle(run: string, work: Promise<void>, ending: Ending<void>): void {
    const { lost } = this.#options;
    if (!lost) settle(work, ending);
    else
      settle(
        work.catch((error: unknown) => lost(run, error)),
        ending,
      );
  }

  async #log(run: string, event: RunEvent & { readonly time: number }): Promise<void> {
    await appendBounded(this.#options.backplane, logOf(run), JSON.stringify(event), MAX_LOG_ENTRIES);
    this.#options.log({ run, ...event });
  }

  async #put(key: string, value: StoredRun): Promise<void> {
    const known = this.#revisions.get(key) ?? 0;
    const revision = await this.#options.backplane.put(key, JSON.stringify(value), known);
    // Another process has changed the run: that one owns it, and we must not go on.
    if (revision === undefined) throw new Fenced(key);
    // The lead may have been lost and won again meanwhile, with a later one.
    this.#revisions.set(key, Math.max(revision, this.#revisions.get(key) ?? 0));
    await this.#options.persisted(value).catch(this.#options.notCollected);
  }
}

function logOf(run: string): string {
  return `log/${run}`;
}
