/** Writes a plan as a folder, a piece at a time: no file of it is ever in memory for its writing. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PlanPart, Sink } from '../../spec/plan.ts';
import { diskError, flushFolder } from '../support/atomic.ts';
import { PathSet } from '../support/path-names.ts';
import { makeFolder, makeNewFolder, moveFile, removeAll } from '../support/safe-files.ts';
import { folderOf, insideFolder, madeInside, ownPath, type SafePath } from '../support/safe-path.ts';
import { type Entry, NewFiles } from './new-files.ts';
import { outside } from './plan-errors.ts';
import { PLAN_FILE } from './plan-source.ts';
import { removeAbandoned, scratchFor } from './scratch.ts';
import { WriteBeside } from './write-beside.ts';

/**
 * Everything is written to a folder beside, which then takes the plan's name. Where a folder has that name already, its
 * files are replaced one by one, `plan.json` last, which has all hashes: a folder between two plans is refused when it is
 * read.
 *
 * @param writeJson `plan.json`, from the entries of all other files
 * @returns the SHA-256 of `plan.json`
 * @throws EnvironmentError `disk/…`; UserError `plan/path` and `path/unsafe` for a file that is not to lie in the folder
 */
export function writePlanParts(
  folder: string,
  parts: Iterable<PlanPart>,
  writeJson: (files: readonly Entry[], sink: Sink) => void,
): string {
  const place = ownPath(resolve(folder));
  const scratch = scratchFor(place);
  let writer: PartWriter | undefined;
  try {
    makeFolder(folderOf(place));
    removeAbandoned(place);
    makeNewFolder(scratch);
    writer = new PartWriter(scratch);
    const paths = new PathSet();
    paths.add(PLAN_FILE);
    for (const part of parts) {
      const problem = paths.add(part.path);
      if (problem !== undefined) throw outside(folder, part.path, problem);
      writer.add(part);
    }
    const files = writer.end();
    const { sha256 } = writer.last(PLAN_FILE, (sink) => writeJson(files, sink));
    if (existsSync(place)) moveInto(scratch, place, [...files.map((f) => f.path), PLAN_FILE]);
    else moveFile(scratch, place);
    flushFolder(folderOf(place));
    return sha256;
  } catch (error) {
    throw diskError(error, folder);
  } finally {
    writer?.abandon();
    if (existsSync(scratch)) removeAll(scratch);
  }
}

/** A plan whose files are all in memory. */
export function writePlan(folder: string, planJson: Uint8Array, files: ReadonlyMap<string, Uint8Array>): void {
  const parts = [...files].map(([path, bytes]): PlanPart => ({ path, write: (sink) => sink(bytes) }));
  writePlanParts(folder, parts, (_, sink) => sink(planJson));
}

/** Fewer files, as plans of one shard have them, are written in the time that a thread takes to start. */
const MIN_BESIDE = 256;

/** Writes files into a folder, many of them in a thread beside this one. */
class PartWriter {
  readonly #folder: SafePath;
  readonly #own: NewFiles;
  #count = 0;
  readonly #entries: Entry[] = [];
  #beside: WriteBeside | undefined;

  constructor(folder: SafePath) {
    this.#folder = folder;
    this.#own = new NewFiles(folder);
  }

  add({ path, write }: PlanPart): void {
    this.#count += 1;
    if (this.#count === MIN_BESIDE) this.#beside = WriteBeside.into(this.#folder);
    if (this.#beside?.isReady) this.#beside.file(path, write);
    else this.#entries.push(this.#write(path, write, false));
  }

  /** @returns the entries of all files, in their order */
  end(): readonly Entry[] {
    // Once the thread is ready it writes all that follow.
    const all = [...this.#entries, ...(this.#beside?.isReady ? this.#beside.end() : [])];
    if (all.length !== this.#count) throw new Error(`${all.length} of ${this.#count} files were written`);
    return all;
  }

  /** Written by this thread, and flushed. */
  last(path: string, write: PlanPart['write']): Entry {
    return this.#write(path, write, true);
  }

  /** Behind it nothing more is written; nothing happens where all is. */
  abandon(): void {
    this.#beside?.abandon();
  }

  #write(path: string, write: PlanPart['write'], flushed: boolean): Entry {
    try {
      this.#own.begin(path);
      write((piece) => this.#own.write(piece));
      return this.#own.end(flushed);
    } finally {
      this.#own.close();
    }
  }
}

function moveInto(from: SafePath, to: SafePath, paths: readonly string[]): void {
  for (const path of paths) moveFile(insideFolder(from, path), madeInside(to, path));
  flushFolder(to);
}
