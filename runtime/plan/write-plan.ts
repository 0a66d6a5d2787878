/** Writes a plan as a folder, a piece at a time: no file of it is ever in memory for its writing. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plan, PlanPart, Sink } from '../../spec/plan.ts';
import { diskError, flushFolder, writePieces } from '../support/atomic.ts';
import { PathSet } from '../support/path-names.ts';
import { makeFolder, makeNewFolder, moveFile, removeAll } from '../support/safe-files.ts';
import {
  assertInside,
  folderOf,
  insideFolder,
  madeInside,
  makerInside,
  ownPath,
  type SafePath,
} from '../support/safe-path.ts';
import { outside } from './plan-errors.ts';
import { PLAN_FILE } from './plan-source.ts';
import { removeAbandoned, scratchFor } from './scratch.ts';

/** A file that was written, as a plan lists it. */
type Entry = Plan['files'][number];

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
  try {
    makeFolder(folderOf(place));
    removeAbandoned(place);
    makeNewFolder(scratch);
    const entry = writerInto(scratch);
    const files: Entry[] = [];
    const paths = new PathSet();
    paths.add(PLAN_FILE);
    for (const { path, write } of parts) {
      const problem = paths.add(path);
      if (problem !== undefined) throw outside(folder, path, problem);
      files.push(entry(path, write, false));
    }
    const { sha256 } = entry(PLAN_FILE, (sink) => writeJson(files, sink), true);
    if (existsSync(place)) moveInto(scratch, place, [...files.map((f) => f.path), PLAN_FILE]);
    else moveFile(scratch, place);
    flushFolder(folderOf(place));
    return sha256;
  } catch (error) {
    throw diskError(error, folder);
  } finally {
    if (existsSync(scratch)) removeAll(scratch);
  }
}

/** A plan whose files are all in memory. */
export function writePlan(folder: string, planJson: Uint8Array, files: ReadonlyMap<string, Uint8Array>): void {
  const parts = [...files].map(([path, bytes]): PlanPart => ({ path, write: (sink) => sink(bytes) }));
  writePlanParts(folder, parts, (_, sink) => sink(planJson));
}

/** @param flushed survives a power cut; the others' hashes stand in the one that does */
type WriteEntry = (path: string, write: (sink: Sink) => void, flushed: boolean) => Entry;

function writerInto(folder: SafePath): WriteEntry {
  const placeOf = makerInside(folder);
  return (path, write, flushed) => {
    const hash = createHash('sha256');
    let bytes = 0;
    writePieces(
      placeOf(path),
      (sink) => {
        assertInside(folder, path);
        write((piece) => {
          hash.update(piece);
          bytes += piece.byteLength;
          sink(piece);
        });
      },
      flushed,
    );
    return { path, sha256: hash.digest('hex'), bytes };
  };
}

function moveInto(from: SafePath, to: SafePath, paths: readonly string[]): void {
  for (const path of paths) moveFile(insideFolder(from, path), madeInside(to, path));
  flushFolder(to);
}
