/**
 * Snapshots: the state of training after one parameter update, each in one file, so that parameters, optimiser state
 * and position can never disagree. `state/update-0000000042.safetensors`; the last two are kept.
 */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { flushFolder } from '../support/atomic.ts';
import { UserError } from '../support/errors.ts';
import { moveFile, removeFile } from '../support/safe-files.ts';
import { ownPath, type SafePath } from '../support/safe-path.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from './safetensors.ts';
import { renamed, tensorBytes } from './safetensors-types.ts';

export interface RunState {
  /** Complete epochs: 0 at the start, so row `epoch` of the metrics is of a complete epoch. */
  readonly epoch: number;
  /** Batches done in the epoch after those. */
  readonly batch: number;
  /** Parameter updates since the beginning. Snapshots are ordered by it. */
  readonly update: number;
  /** True once training has ended as it was meant to. */
  readonly finished: boolean;
  /** Sums and counts of the epoch under way (energy, samples, correct answers), and whatever else is a number. */
  readonly totals: Readonly<Record<string, number>>;
  /** The parameters of the model; `model.safetensors` holds these. */
  readonly parameters: readonly NamedTensor[];
  /** All else that training continues from: optimiser moments, values that carry over in time, random state. */
  readonly auxiliary: readonly NamedTensor[];
}

export const STATE_FOLDER = 'state';
const KEPT = 2;
const FORMAT = 'nmc-snapshot-1';
const PARAMETER = 'parameter/';
const AUXILIARY = 'auxiliary/';

/** Writes the snapshot, all or nothing. Returns its checksum. */
export function writeSnapshot(directory: SafePath, state: RunState): string {
  const { epoch, batch, update, finished, totals } = state;
  const tensors = [...prefixed(state.parameters, PARAMETER), ...prefixed(state.auxiliary, AUXILIARY)];
  const position = JSON.stringify({ epoch, batch, update, finished, totals: encodeNumbers(totals) });
  const checksum = checksumOf(position, tensors);
  writeSafetensors(snapshotPath(directory, update), tensors, { format: FORMAT, position, checksum });
  return checksum;
}

/** @throws UserError `weights/...` for a file that is not sound, `run/snapshot-corrupt` for one that is not a snapshot */
export function readSnapshot(directory: string, update: number): { state: RunState; checksum: string } {
  const path = snapshotPath(directory, update);
  const { tensors, metadata } = readSafetensors(path);
  const { format, position, checksum } = metadata;
  if (format !== FORMAT || position === undefined || checksum === undefined) {
    throw corrupt(path, `expected format "${FORMAT}", found "${format ?? 'none'}"`);
  }
  if (checksumOf(position, tensors) !== checksum) throw corrupt(path, 'its content does not have its checksum');
  const state = {
    ...readPosition(path, position),
    parameters: withPrefix(tensors, PARAMETER),
    auxiliary: withPrefix(tensors, AUXILIARY),
  };
  return { state, checksum };
}

/** @throws UserError `run/snapshot-corrupt` */
function readPosition(path: string, text: string): Omit<RunState, 'parameters' | 'auxiliary'> {
  const value: unknown = JSON.parse(text);
  const fields: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {};
  const whole = (name: string): number => {
    const found = fields[name];
    if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < 0)
      throw corrupt(path, `its ${name} is not a whole number`);
    return found;
  };
  const { finished, totals } = fields;
  if (typeof finished !== 'boolean' || !areTotals(totals)) throw corrupt(path, 'its position is not whole');
  return {
    epoch: whole('epoch'),
    batch: whole('batch'),
    update: whole('update'),
    finished,
    totals: decodeNumbers(totals),
  };
}

function areTotals(value: unknown): value is Record<string, number | string> {
  const sound = (total: unknown): boolean => typeof total === 'number' || typeof total === 'string';
  return typeof value === 'object' && value !== null && Object.values(value).every(sound);
}

/** The updates of which there are snapshots, newest first. */
export function listSnapshots(directory: string): number[] {
  const folder = join(directory, STATE_FOLDER);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => /^update-(\d{10,})\.safetensors$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
}

/** Removes all snapshots but the newest two. */
export function pruneSnapshots(directory: SafePath): void {
  for (const update of listSnapshots(directory).slice(KEPT)) removeFile(snapshotPath(directory, update));
}

/** Puts a snapshot that cannot be read out of the way, but keeps it for inspection. */
export function setAside(directory: SafePath, update: number): void {
  const path = snapshotPath(directory, update);
  moveFile(path, ownPath(`${path}.corrupt`));
  flushFolder(ownPath(directory, STATE_FOLDER));
}

export function snapshotPath(directory: string, update: number): SafePath {
  return ownPath(directory, STATE_FOLDER, `update-${String(update).padStart(10, '0')}.safetensors`);
}

/** Covers the position and every name, type, shape and byte: the file format itself has no check of its content. */
function checksumOf(position: string, tensors: readonly NamedTensor[]): string {
  const hash = createHash('sha256').update(position);
  const ordered = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const tensor of ordered) {
    hash.update(`\n${JSON.stringify([tensor.name, tensor.dtype, tensor.shape])}\n`).update(tensorBytes(tensor));
  }
  return hash.digest('hex');
}

function prefixed(tensors: readonly NamedTensor[], prefix: string): NamedTensor[] {
  return tensors.map((tensor) => renamed(tensor, prefix + tensor.name));
}

function withPrefix(tensors: readonly NamedTensor[], prefix: string): NamedTensor[] {
  return tensors
    .filter(({ name }) => name.startsWith(prefix))
    .map((tensor) => renamed(tensor, tensor.name.slice(prefix.length)));
}

/** JSON has neither infinity nor NaN, and a diverged run has both. */
function encodeNumbers(record: Readonly<Record<string, number>>): Record<string, number | string> {
  return mapValues(record, (value) => (Number.isFinite(value) ? value : String(value)));
}

function decodeNumbers(record: Readonly<Record<string, number | string>>): Record<string, number> {
  return mapValues(record, Number);
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function corrupt(path: string, reason: string): UserError {
  return new UserError('run/snapshot-corrupt', `${path} is not a sound snapshot: ${reason}`, 'use an earlier snapshot');
}
