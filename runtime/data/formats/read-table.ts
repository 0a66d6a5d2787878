/** One file or folder of any format as a table: by its name where that tells, else by its first bytes. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '../../support/errors.ts';
import type { Column, Field } from '../dataset.ts';
import { badData, looksLike } from './bad-data.ts';
import { MAX_TEXT_BYTES, readBytes } from './bytes.ts';
import { parseCsv } from './csv.ts';
import { isIdx, type NumberArray, parseIdx } from './idx.ts';
import { parseJsonLines } from './json-lines.ts';
import { isNpy, parseNpy } from './npy.ts';
import { parseNpz } from './npz.ts';
import { parseParquet } from './parquet.ts';
import { isPng, readPictures } from './png.ts';
import type { Table } from './table.ts';

type Read = (path: string, bytes: Uint8Array, wanted: readonly Field[] | undefined) => Table | Promise<Table>;

interface Format {
  readonly name: string;
  /** Endings of file names, without `.gz`. */
  readonly endings: readonly string[];
  /** For files whose name does not tell. */
  readonly matches: (bytes: Uint8Array) => boolean;
  readonly read: Read;
}

const startsWith =
  (text: string) =>
  (bytes: Uint8Array): boolean =>
    new TextDecoder('latin1').decode(bytes.subarray(0, text.length)) === text;

/** Every format of a single file with numbers; pictures are read apart, because folders of them are too. */
export const FORMATS: readonly Format[] = [
  { name: 'IDX', endings: ['.idx', '-ubyte'], matches: isIdx, read: (path, bytes) => single(parseIdx(path, bytes)) },
  { name: 'NPY', endings: ['.npy'], matches: isNpy, read: (path, bytes) => single(parseNpy(path, bytes)) },
  { name: 'NPZ', endings: ['.npz'], matches: startsWith('PK\x03\x04'), read: readNpz },
  { name: 'Parquet', endings: ['.parquet'], matches: startsWith('PAR1'), read: parseParquet },
  { name: 'CSV', endings: ['.csv', '.tsv'], matches: () => false, read: parseCsv },
  { name: 'JSON lines', endings: ['.jsonl', '.ndjson', '.json'], matches: () => false, read: readJsonLines },
];

/** UserError: `data/missing`, `data/format`, `data/too-large`, `data/field`. */
export async function readTable(path: string, wanted: readonly Field[] | undefined): Promise<Table> {
  if (await isFolder(path)) return readPictures(path, true, wanted);
  const name = basename(path).toLowerCase().replace(/\.gz$/, '');
  if (name.endsWith('.png')) return readPictures(path, false, wanted);
  const bytes = await readBytes(path);
  const format =
    FORMATS.find(({ endings }) => endings.some((ending) => name.endsWith(ending))) ??
    FORMATS.find(({ matches }) => matches(bytes));
  if (format) return format.read(path, bytes, wanted);
  if (isPng(bytes)) return readPictures(path, false, wanted);
  const known = FORMATS.map((f) => f.name).join(', ');
  throw badData(path, '', `its format is not known: ${looksLike(bytes)}`, `known are ${known}, PNG and folders of PNG`);
}

export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    throw new UserError('data/missing', `${path}: no such file or folder`);
  }
}

function readNpz(path: string, bytes: Uint8Array, wanted: readonly Field[] | undefined): Table {
  const arrays = parseNpz(
    path,
    bytes,
    wanted?.map(({ name }) => name),
  );
  return { columns: [...arrays].map(([name, array]) => toColumn(name, array)) };
}

function readJsonLines(path: string, bytes: Uint8Array, wanted: readonly Field[] | undefined): Table {
  if (bytes.length > MAX_TEXT_BYTES)
    throw badData(path, '', `at most ${MAX_TEXT_BYTES} bytes of JSON are read`, 'use NPZ or CSV');
  return parseJsonLines(path, new TextDecoder().decode(bytes), wanted);
}

function single(array: NumberArray): Table {
  return { columns: [toColumn(array.sizes.length === 3 ? 'image' : 'value', array)], unnamed: true };
}

function toColumn(name: string, { type, sizes, data }: NumberArray): Column {
  return { field: { name, type, shape: sizes.slice(1) }, data };
}
