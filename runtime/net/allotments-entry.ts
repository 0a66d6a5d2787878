/** The entry of all placements, where several synchronizers lead: changed by compare-and-set, and learnt from others. */
import type { Backplane } from '../backplane/backplane.ts';
import { changed } from '../roles/allotments.ts';
import type { Allotment, Allotments } from '../roles/synchronizer-state.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { count, dictionary, follows, number, object } from '../support/shape.ts';

export interface AllotmentsEntryOptions {
  readonly backplane: Pick<Backplane, 'get' | 'put'>;
  /** The run has ended: its line counts for nothing. */
  readonly isOver: (run: string) => boolean;
  /** What runs hold as they are stored: of a mesh that has no entry yet, or whose entry cannot be read. */
  readonly stored: () => Allotments;
  /** What others have been given. */
  readonly learnt: (version: number, lines: Allotments) => void;
  /** The others may learn of it. */
  readonly written: () => void;
}

export interface AskedAllotment {
  readonly run: string;
  readonly line: Allotment | undefined;
  /** The version from which it was computed. */
  readonly knowing: number;
  /** The run is stored with that already. */
  readonly holds: boolean;
}

export const ALLOTMENTS = 'allotments';
export const LINES = dictionary(object({ term: count, memory: dictionary(number) }));

interface Found {
  readonly revision: number;
  readonly lines: Allotments;
}

export class AllotmentsEntry {
  readonly #options: AllotmentsEntryOptions;
  #known: Found & { readonly version: number } = { version: 0, revision: 0, lines: {} };

  constructor(options: AllotmentsEntryOptions) {
    this.#options = options;
  }

  /** Reads it, and tells what is new. */
  async learn(): Promise<void> {
    this.#take(await this.#read());
  }

  /**
   * @returns whether the run may have that; where not, what others have was told before
   * @throws what the backplane throws
   */
  async allot(asked: AskedAllotment): Promise<boolean> {
    const { run, line, knowing, holds } = asked;
    // What others have not changed has not to be read again; that it is not to be had is decided by the entry as it is.
    let [found, isRead]: [Found, boolean] = [this.#known, false];
    for (;;) {
      const isNewest = found.revision === this.#known.revision && knowing === this.#known.version;
      const lines = changed(found.lines, { run, line }, isNewest || holds);
      if (lines && (await this.#put(this.#withoutEnded(lines), found.revision))) return true;
      if (!lines && isRead) {
        this.#take(found);
        return false;
      }
      [found, isRead] = [await this.#read(), true];
    }
  }

  async #put(lines: Allotments, expected: number): Promise<boolean> {
    const { backplane, learnt, written } = this.#options;
    const revision = await backplane.put(ALLOTMENTS, JSON.stringify(lines), expected);
    if (revision === undefined) return false;
    const { version } = this.#known;
    const isNext = this.#known.revision === expected;
    // Behind a change of another one that is not learnt yet it is a new version, like that one.
    this.#known = { version: isNext ? version : version + 1, revision, lines };
    learnt(this.#known.version, lines);
    written();
    return true;
  }

  #take(found: Found): void {
    const lines = this.#withoutEnded(found.lines);
    const isSame = found.revision === this.#known.revision;
    if (isSame && Object.keys(lines).length === Object.keys(this.#known.lines).length) return;
    this.#known = { version: this.#known.version + 1, revision: found.revision, lines };
    this.#options.learnt(this.#known.version, lines);
  }

  #withoutEnded(lines: Allotments): Allotments {
    return Object.fromEntries(Object.entries(lines).filter(([run]) => !this.#options.isOver(run)));
  }

  async #read(): Promise<Found> {
    const entry = await this.#options.backplane.get(ALLOTMENTS);
    const lines = entry && parsedJson(entry.value);
    return { revision: entry?.revision ?? 0, lines: follows(LINES, lines) ? lines : this.#options.stored() };
  }
}
