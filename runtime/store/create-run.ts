/**
 * Makes the folder of a new run. It appears with all its parts at once, or not at all, and never over another's files.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { diskError, errorCode, flushFolder, isLeftover, removeLeftovers, writeFileAtomic } from '../support/atomic.ts';
import { UserError } from '../support/errors.ts';
import { PathSet, shownPath } from '../support/path-names.ts';
import { acquireLock, type Release } from '../support/process-lock.ts';
import { makeFolder, makeNewFolder, moveFile, removeAll } from '../support/safe-files.ts';
import { assertInside, folderOf, madeInside, ownPath, type SafePath } from '../support/safe-path.ts';
import { createMetrics, isEventsFile, METRICS_FILE } from './metrics.ts';
import { modelCard } from './model-card.ts';
import { printRunConfig, type RunConfig } from './run-config.ts';
import {
  CARD_FILE,
  CONFIG_FILE,
  LOCK_FILE,
  lockRun,
  MODEL_FILE,
  type RunOptions,
  saveState,
  type TrainingRun,
  trainingRun,
} from './run-folder.ts';
import { type RunState, STATE_FOLDER } from './snapshots.ts';

/** A folder of the user's choice, or the next free `PARENT/MODEL-YYYYMMDD-N`. */
export type RunPlace = { readonly directory: string } | { readonly parent: string };

export interface CreateOptions extends RunOptions {
  /** Further files of the run by path within it (`plan/plan.json`), from any source. */
  readonly files?: ReadonlyMap<string, string | Uint8Array>;
}

/**
 * Creates the run with its first snapshot and takes its lock.
 * @throws UserError `run/exists` when the directory has something in it, `run/busy` when another process creates it,
 * `path/unsafe` for a further file that is not to lie within it
 */
export function createRun(
  place: RunPlace,
  config: RunConfig,
  initial: RunState,
  options: CreateOptions = {},
): TrainingRun {
  const time = (options.now ?? Date.now)();
  const files = options.files ?? new Map();
  assertFurther(files);
  const fill = (directory: SafePath): void => writeParts(directory, config, initial, files, time / 1000);
  const chosen = 'directory' in place ? ownPath(place.directory) : undefined;
  const parent = 'parent' in place ? ownPath(place.parent) : folderOf(ownPath(resolve(place.directory)));
  try {
    if (chosen !== undefined && existsSync(chosen)) {
      return trainingRun(chosen, initial, fillEmptyFolder(chosen, partNames(files), fill), [], options);
    }
    makeFolder(parent);
    const names = chosen === undefined ? defaultNames(config.model, new Date(time)) : [basename(resolve(chosen))];
    const { directory, release } = publishNewFolder(parent, names, fill);
    return trainingRun(chosen ?? directory, initial, release, [], options);
  } catch (error) {
    throw diskError(error, chosen ?? parent);
  }
}

/** `config.json` comes last: a folder without it is not a run. */
function writeParts(
  directory: SafePath,
  config: RunConfig,
  initial: RunState,
  files: ReadonlyMap<string, string | Uint8Array>,
  time: number,
): void {
  makeFolder(ownPath(directory, STATE_FOLDER));
  saveState(directory, initial);
  createMetrics(directory, time);
  writeFileAtomic(ownPath(directory, CARD_FILE), modelCard(config));
  for (const [path, content] of files) {
    writeFileAtomic(madeInside(directory, path), content);
    assertInside(directory, path);
  }
  writeFileAtomic(ownPath(directory, CONFIG_FILE), printRunConfig(config));
}

/** In a folder named from outside, this program's files have no second file of the same name. */
function assertFurther(files: ReadonlyMap<string, unknown>): void {
  const paths = new PathSet();
  for (const own of [MODEL_FILE, METRICS_FILE, CARD_FILE, CONFIG_FILE, LOCK_FILE]) paths.add(own);
  for (const path of files.keys()) {
    const problem = paths.add(path);
    if (problem !== undefined)
      throw new UserError(
        'path/unsafe',
        `a run is to hold the file ${shownPath(path)}: ${problem}`,
        'do not use this run',
      );
  }
}

const STAGE_PREFIX = '.nmc-new-';

/** Fills a hidden folder, then renames it to the first free name, so that an incomplete run is never visible. */
function publishNewFolder(
  parent: SafePath,
  names: Iterable<string>,
  fill: (directory: SafePath) => void,
): { directory: SafePath; release: Release } {
  removeAbandoned(parent);
  const stage = ownPath(parent, `${STAGE_PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`);
  makeNewFolder(stage);
  try {
    const release = lockRun(stage);
    fill(stage);
    let directory = parent;
    for (const name of names) {
      directory = ownPath(parent, name);
      if (existsSync(directory) || !renameIfFree(stage, directory)) continue;
      flushFolder(parent);
      return { directory, release };
    }
    throw alreadyThere(directory);
  } catch (error) {
    removeAll(stage);
    throw error;
  }
}

function renameIfFree(from: SafePath, to: SafePath): boolean {
  try {
    moveFile(from, to);
    return true;
  } catch (error) {
    // Windows says EPERM for a target that is there.
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errorCode(error) ?? '') || existsSync(to)) return false;
    throw error;
  }
}

/** A folder that is there already (perhaps a mount, or where the user stands) is filled in place. */
function fillEmptyFolder(directory: SafePath, parts: readonly string[], fill: (directory: SafePath) => void): Release {
  if (!statSync(directory).isDirectory()) throw alreadyThere(directory);
  assertEmpty(directory, parts);
  const release = lockRun(directory);
  try {
    // Again, now that no other process can begin a run here.
    assertEmpty(directory, parts);
    removeAll(ownPath(directory, STATE_FOLDER));
    removeLeftovers(directory);
    for (const name of readdirSync(directory).filter(isEventsFile)) removeAll(ownPath(directory, name));
    fill(directory);
    return release;
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * The remains of a killed creation count as empty: they hold only initial values. The state folder is
 * written first, so where it is missing a file belongs to another program, whatever its name.
 */
function assertEmpty(directory: string, parts: readonly string[]): void {
  const names = readdirSync(directory).filter((name) => !isLock(name));
  const isForeign = (name: string): boolean => !parts.includes(name) && !isEventsFile(name) && !isLeftover(name);
  if (names.some(isForeign) || (names.length > 0 && !names.includes(STATE_FOLDER))) throw alreadyThere(directory);
}

/** The entries of a run's folder before `config.json` makes it a run. */
function partNames(files: ReadonlyMap<string, unknown>): string[] {
  const further = [...files.keys()].map((path) => path.split('/')[0] ?? path);
  return [STATE_FOLDER, MODEL_FILE, METRICS_FILE, CARD_FILE, ...further];
}

function isLock(name: string): boolean {
  return name === LOCK_FILE || name.startsWith(`${LOCK_FILE}.`);
}

function alreadyThere(directory: string): UserError {
  const isRun = existsSync(join(directory, CONFIG_FILE));
  return new UserError(
    'run/exists',
    isRun ? `${directory} already holds a run` : `${directory} exists and is not empty`,
    isRun ? `go on with it (--resume ${directory}), or choose another --out` : 'choose another --out',
  );
}

/** Hidden folders of creations that were killed; those of living processes are locked. */
function removeAbandoned(parent: SafePath): void {
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(STAGE_PREFIX))) {
    const lock = join(parent, name, LOCK_FILE);
    try {
      if (existsSync(lock) && acquireLock(lock).ok) removeAll(ownPath(parent, name));
    } catch (error) {
      // Published under its own name since it was listed: a creation that lives, and no business of this one.
      if (existsSync(join(parent, name))) throw error;
    }
  }
}

/** digits-20261122-1, -2, ...: the date is the local one, as the user's calendar says. */
function* defaultNames(task: string, today: Date): Generator<string> {
  const month = String(today.getMonth() + 1).padStart(2, '0');
  const day = String(today.getDate()).padStart(2, '0');
  const stem = `${task.replace(/[^A-Za-z0-9_.-]/g, '-')}-${today.getFullYear()}${month}${day}`;
  for (let number = 1; ; number += 1) yield `${stem}-${number}`;
}
