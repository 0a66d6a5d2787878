/** `metrics.jsonl` (one line per complete epoch) and the TensorBoard file made of the same rows. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendDurably, appendLineDurably, truncateDurably, writeFileAtomic } from '../support/atomic.ts';
import { ownPath, type SafePath } from '../support/safe-path.ts';
import { encodeFileHeader, encodeScalars } from './tfevents.ts';

/** Measures of one epoch. A measure is a number, or a group of numbers by name (energy by node). */
export interface MetricsRow {
  /** From 1, growing from row to row. */
  readonly epoch: number;
  /** Mean energy per sample over the epoch. */
  readonly energy?: number;
  /** Fraction right on the test set. */
  readonly accuracy?: number;
  readonly [measure: string]: Measure | undefined;
}

export type Measure = number | null | { readonly [name: string]: number | null };

/** A row as it is in the file. */
export type StoredRow = MetricsRow & { /** Seconds since 1970. */ readonly time: number };

export const METRICS_FILE = 'metrics.jsonl';

/** The rows of whole lines; a last line that a crash has torn, and lines that are not rows, are left out. */
export function readMetrics(directory: string): StoredRow[] {
  const path = join(directory, METRICS_FILE);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.flatMap((line) => parseRow(line) ?? []);
}

export function appendRow(directory: SafePath, row: StoredRow): void {
  appendLineDurably(ownPath(directory, METRICS_FILE), JSON.stringify(row));
  appendDurably(ownPath(directory, eventsFile(directory)), encodeRow(row));
}

/**
 * Makes both files hold exactly the rows up to `epoch`: what a run did after its last snapshot will be done again, and
 * must not be there twice. Returns the rows kept.
 */
export function rewindMetrics(directory: SafePath, epoch: number): StoredRow[] {
  const rows: StoredRow[] = [];
  for (const row of readMetrics(directory)) {
    if (row.epoch <= epoch && row.epoch > (rows.at(-1)?.epoch ?? 0)) rows.push(row);
  }
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  makeContent(ownPath(directory, METRICS_FILE), Buffer.from(text, 'utf8'));
  const name = eventsFile(directory);
  const events = Buffer.concat([encodeFileHeader(secondsInName(name)), ...rows.map(encodeRow)]);
  makeContent(ownPath(directory, name), events);
  return rows;
}

/** @param time seconds since 1970 */
export function createMetrics(directory: SafePath, time: number): void {
  const seconds = Math.floor(time);
  writeFileAtomic(ownPath(directory, METRICS_FILE), '');
  writeFileAtomic(ownPath(directory, `${EVENTS_PREFIX}${seconds}.nmc`), encodeFileHeader(seconds));
}

/** TensorBoard takes any file with "tfevents" in its name; the number is when it was begun. */
const EVENTS_PREFIX = 'events.out.tfevents.';

export function isEventsFile(name: string): boolean {
  return name.startsWith(EVENTS_PREFIX);
}

function eventsFile(directory: string): string {
  return readdirSync(directory).find(isEventsFile) ?? `${EVENTS_PREFIX}0.nmc`;
}

function secondsInName(name: string): number {
  return Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
}

function encodeRow(row: StoredRow): Uint8Array {
  const { epoch, time, ...measures } = row;
  const scalars: Record<string, number> = {};
  for (const [name, measure] of Object.entries(measures)) {
    if (typeof measure === 'number') scalars[name] = measure;
    else if (typeof measure === 'object' && measure !== null) {
      for (const [part, value] of Object.entries(measure)) {
        if (typeof value === 'number') scalars[`${name}/${part}`] = value;
      }
    }
  }
  return encodeScalars({ wallTime: time, step: epoch, scalars });
}

/** Cuts the file where that is all it needs, so that a TensorBoard that follows it keeps its place. */
function makeContent(path: SafePath, content: Uint8Array): void {
  const present = existsSync(path) ? readFileSync(path) : undefined;
  if (present === undefined || !present.subarray(0, content.length).equals(content)) writeFileAtomic(path, content);
  else if (present.length > content.length) truncateDurably(path, content.length);
}

function parseRow(line: string): StoredRow | undefined {
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row !== 'object' || row === null || !('epoch' in row) || !('time' in row)) return undefined;
    return Number.isSafeInteger(row.epoch) && typeof row.time === 'number' ? (row as StoredRow) : undefined;
  } catch {
    return undefined;
  }
}
