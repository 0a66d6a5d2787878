/** Rows for `nmc predict --input FILE`, with the fields that a model clamps. */

import { listOf, ofPresent } from '../support/bounded.ts';
import type { Dataset, Field } from './dataset.ts';
import { badData } from './formats/bad-data.ts';
import { MAX_TEXT_BYTES, readBytes } from './formats/bytes.ts';
import { objectsOf, parseJsonLines } from './formats/json-lines.ts';
import { readTable } from './formats/read-table.ts';
import { tableDataset } from './formats/table.ts';
import { isText, openTextInput } from './sources/file.ts';

export interface Input {
  /** Exactly the wanted fields. */
  readonly dataset: Dataset;
  /** One per sample, for printing: a picture's file name, else the row's number from 1. */
  readonly names: readonly string[];
}

/**
 * @param path IDX, NPY, NPZ, CSV, Parquet, JSON lines, text, PNG, a folder of PNGs, or `-`: JSON lines from `standardInput`
 * @param wanted a file with one unnamed array (IDX, NPY, PNG) serves the only wanted field
 */
export async function readInput(
  path: string,
  wanted: readonly Field[],
  standardInput: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<Input> {
  const name = path === '-' ? 'standard input' : path;
  if (path !== '-' && isText(path)) return numbered(await openTextInput(path, wanted));
  const table =
    path === '-' ? parseJsonLines(name, await readAll(name, standardInput), wanted) : await readTable(path, wanted);
  const dataset = tableDataset(name, table, wanted);
  return table.rowNames ? { dataset, names: table.rowNames } : numbered(dataset);
}

/**
 * The samples of JSON lines as they stand there, for another program to read.
 * @param path of a file, or `-`. @throws UserError `data/…`
 */
export async function readObjects(
  path: string,
  standardInput: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const name = path === '-' ? 'standard input' : path;
  const text =
    path === '-'
      ? await readAll(name, standardInput)
      : Buffer.from(await readBytes(path, { limit: MAX_TEXT_BYTES })).toString('utf8');
  const objects = objectsOf(name, text).map(({ object }) => object);
  if (objects.length === 0) throw badData(name, '', 'no line holds a sample', '{"image": [0, 0, …]} on each line');
  return objects;
}

function numbered(dataset: Dataset): Input {
  return { dataset, names: listOf(ofPresent(dataset.length), (row) => String(row + 1)) };
}

async function readAll(name: string, source: AsyncIterable<Uint8Array | string>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of source) {
    const chunk = typeof piece === 'string' ? new TextEncoder().encode(piece) : piece;
    bytes += chunk.length;
    if (bytes > MAX_TEXT_BYTES)
      throw badData(name, `byte ${MAX_TEXT_BYTES}`, 'standard input is longer than is read at once');
    pieces.push(chunk);
  }
  return Buffer.concat(pieces).toString('utf8');
}
