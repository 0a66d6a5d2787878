/**
 * The folder of one training run. Whatever moment the process is killed at, the folder is a run that opens and resumes:
 *
 *     config.json           what is trained, how, and from which source      written last when the run is created
 *     state/update-*.safetensors   the last two snapshots                    one file each, replaced all or nothing
 *     model.safetensors     the parameters of the newest snapshot            written right after it
 *     metrics.jsonl         one line per complete epoch, before its snapshot; rewound to the snapshot on resuming
 *     events.out.tfevents.* the same for TensorBoard
 *     README.md, curve.svg  model card and picture
 *     sample.json           one sample of the data, to predict from
 *     lock                  which process trains here
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, removeLeftovers, writeFileAtomic } from '../support/atomic.ts';
import { nmc } from '../support/command-text.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { acquireLock, type Release } from '../support/process-lock.ts';
import { ownPath, type SafePath } from '../support/safe-path.ts';
import { appendRow, type MetricsRow, readMetrics, rewindMetrics, type StoredRow } from './metrics.ts';
import { modelCard, type TrainingReport } from './model-card.ts';
import { parseRunConfig, printRunConfig, type RunConfig } from './run-config.ts';
import { type NamedTensor, openSafetensors, readSafetensors, writeSafetensors } from './safetensors.ts';
import {
  listSnapshots,
  pruneSnapshots,
  type RunState,
  readSnapshot,
  STATE_FOLDER,
  setAside,
  writeSnapshot,
} from './snapshots.ts';

export type { MetricsRow, StoredRow } from './metrics.ts';
export type { TrainingReport } from './model-card.ts';
export type { RunConfig } from './run-config.ts';
export type { RunState } from './snapshots.ts';

/** A run as anyone may look at it, also while it is trained. */
export interface Run {
  readonly directory: string;
  readonly config: RunConfig;
  /** The newest sound snapshot. @throws UserError `run/no-snapshot` */
  latestSnapshot(): RunState;
  /** The parameters in `model.safetensors`. @throws UserError `weights/...` */
  readParameters(): readonly NamedTensor[];
  /** The same where none is kept in memory: `data` are read whenever they are asked for, while the work is under way. */
  withParameters<T>(work: (parameters: readonly NamedTensor[]) => Promise<T>): Promise<T>;
  readMetrics(): readonly StoredRow[];
}

/** A run that this process trains. */
export interface TrainingRun extends Run {
  /** Where training was when the folder was created or resumed. */
  readonly resumedFrom: RunState;
  /** Repairs that resuming had to make, in words; empty if there were none. */
  readonly repairs: readonly string[];
  /** Ends an epoch: its row of metrics, then the snapshot, in the order that survives a kill in between. */
  finishEpoch(row: MetricsRow, state: RunState): void;
  /** Saves a state within an epoch; its metrics, if any, are written already. Synchronous, flushed to the disk. */
  saveSnapshot(state: RunState): void;
  /** One row per epoch, epochs growing. Prefer `finishEpoch`. */
  appendMetrics(row: MetricsRow): void;
  /** Moves the end of the training: what was finished goes on to so many epochs. */
  extendTo(epochs: number): void;
  /** Writes the picture and the model card, then the state with `finished: true`. The run stays open. */
  finish(state: RunState, report: TrainingReport): Promise<void>;
  /** Gives the lock back. A process that dies without is noticed by the next one. */
  close(): void;
}

export interface RunOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export const CONFIG_FILE = 'config.json';
export const MODEL_FILE = 'model.safetensors';
export const CARD_FILE = 'README.md';
export const CURVE_FILE = 'curve.svg';
export const LOCK_FILE = 'lock';

/**
 * Opens a run to look at it: takes no lock, changes nothing. @throws UserError `run/not-a-run`, `run/config-corrupt`
 */
export function openRun(directory: string): Run {
  const config = readConfig(directory);
  return {
    directory,
    config,
    latestSnapshot: () => newestSound(directory).state,
    readParameters: () => readSafetensors(join(directory, MODEL_FILE)).tensors,
    // A training puts another file into its place; the one that is open stays as it is.
    withParameters: async (work) => {
      const file = openSafetensors(join(directory, MODEL_FILE));
      try {
        return await work(file.tensors);
      } finally {
        file.close();
      }
    },
    readMetrics: () => readMetrics(directory),
  };
}

/**
 * Opens a run to train on: takes the lock and repairs what a killed process may have left (temporary files, a torn or
 * too long metrics file, weights of the snapshot before).
 * @throws UserError `run/not-a-run`, `run/busy`, `run/no-snapshot`, `run/config-corrupt`
 */
export function resumeRun(place: string, options: RunOptions = {}): TrainingRun {
  const directory = ownPath(place);
  readConfig(directory);
  const release = lockRun(directory);
  try {
    removeLeftovers(directory);
    removeLeftovers(ownPath(directory, STATE_FOLDER));
    const { state, checksum, unsound } = newestSound(directory);
    for (const { update } of unsound) setAside(directory, update);
    const repairs = unsound.map(({ reason }) => `${reason}; going on from update ${state.update}`);
    if (!modelMatches(directory, checksum)) {
      writeModel(directory, state, checksum);
      repairs.push(`${MODEL_FILE} was not of the latest snapshot and is now`);
    }
    const before = readMetrics(directory).length;
    const kept = rewindMetrics(directory, state.epoch).length;
    if (before > kept) repairs.push(`metrics of ${before - kept} unsaved epoch(s) taken back`);
    return trainingRun(directory, state, release, repairs, options);
  } catch (error) {
    release();
    throw error;
  }
}

/** @internal for create-run.ts: a run whose files are in place and whose lock is held */
export function trainingRun(
  directory: SafePath,
  resumedFrom: RunState,
  release: Release,
  repairs: readonly string[],
  { now = Date.now }: RunOptions,
): TrainingRun {
  const run = openRun(directory);
  let lastEpoch = run.readMetrics().at(-1)?.epoch ?? 0;
  const saveSnapshot = (state: RunState): void => saveState(directory, state);
  const appendMetrics = (row: MetricsRow): void => {
    if (row.epoch <= lastEpoch) throw new Error(`appendMetrics: epoch ${row.epoch} after epoch ${lastEpoch}`);
    appendRow(directory, { ...row, time: Math.round(now()) / 1000 });
    lastEpoch = row.epoch;
  };
  return {
    ...run,
    resumedFrom,
    repairs,
    saveSnapshot,
    appendMetrics,
    finishEpoch(row, state) {
      appendMetrics(row);
      saveSnapshot(state);
    },
    extendTo(epochs) {
      const config = readConfig(directory);
      const text = printRunConfig({ ...config, settings: { ...config.settings, epochs } });
      writeFileAtomic(ownPath(directory, CONFIG_FILE), text);
    },
    async finish(state, report) {
      // A drawing library of half a second's loading, needed by finished runs only.
      const { curveSvg } = await import('./curve.ts');
      writeFileAtomic(ownPath(directory, CURVE_FILE), curveSvg(run.readMetrics()));
      writeFileAtomic(ownPath(directory, CARD_FILE), modelCard(run.config, report));
      saveSnapshot({ ...state, finished: true });
    },
    close: () => release(join(directory, LOCK_FILE)),
  };
}

/** @internal Snapshot first, then the weights that must match a complete snapshot, then the old ones go. */
export function saveState(directory: SafePath, state: RunState): void {
  const checksum = writeSnapshot(directory, state);
  writeModel(directory, state, checksum);
  pruneSnapshots(directory);
}

/** @internal @throws UserError `run/busy` */
export function lockRun(directory: string): Release {
  const result = acquireLock(join(directory, LOCK_FILE));
  if (result.ok) return result.release;
  const { pid, host } = result.holder;
  throw new UserError(
    'run/busy',
    `${directory} is being trained by process ${pid} on ${host || 'an unknown machine'}`,
    `wait for it or stop it; if it has certainly ended, delete ${join(directory, LOCK_FILE)}`,
  );
}

function readConfig(directory: string): RunConfig {
  const path = join(directory, CONFIG_FILE);
  try {
    return parseRunConfig(readFileSync(path, 'utf8'), path);
  } catch (error) {
    switch (errorCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'EISDIR':
        throw notARun(directory);
      case 'EACCES':
      case 'EPERM':
        throw new EnvironmentError('disk/denied', `not allowed to read ${path}`, 'give yourself read permission on it');
      default:
        throw error;
    }
  }
}

function notARun(directory: string): UserError {
  const reason = !existsSync(directory)
    ? 'there is no such folder'
    : !statSync(directory).isDirectory()
      ? 'it is a file'
      : readdirSync(directory).length === 0
        ? 'it is empty'
        : `it has no ${CONFIG_FILE}`;
  return new UserError(
    'run/not-a-run',
    `${directory} is not a training run: ${reason}`,
    `name a folder that ${nmc`train FILE`} made, such as runs/digits-20261122-1`,
  );
}

interface Unsound {
  readonly update: number;
  readonly reason: string;
}

function newestSound(directory: string): { state: RunState; checksum: string; unsound: Unsound[] } {
  const unsound: Unsound[] = [];
  for (const update of listSnapshots(directory)) {
    try {
      return { ...readSnapshot(directory, update), unsound };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      unsound.push({ update, reason: error.message });
    }
  }
  throw new UserError(
    'run/no-snapshot',
    `${directory} has no sound snapshot to go on from${unsound.map(({ reason }) => `\n  ${reason}`).join('')}`,
    'restore its state/ folder from a copy, or train again',
  );
}

function writeModel(directory: SafePath, state: RunState, checksum: string): void {
  const { epoch, batch, update } = state;
  writeSafetensors(ownPath(directory, MODEL_FILE), state.parameters, {
    format: 'nmc-model-1',
    epoch: String(epoch),
    batch: String(batch),
    update: String(update),
    snapshot: checksum,
  });
}

function modelMatches(directory: string, checksum: string): boolean {
  try {
    return readSafetensors(join(directory, MODEL_FILE)).metadata.snapshot === checksum;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
