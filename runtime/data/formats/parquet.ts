/** Parquet: each column of numbers, of lists of numbers or of PNG pictures is a field. */

import { boundedCount, zeroed, zeroedBytes } from '../../support/bounded.ts';
import { elementNumber } from '../column-names.ts';
import { type Column, type Field, type FieldType, sizeOf } from '../dataset.ts';
import { badData, looksLike } from './bad-data.ts';
import { type ParquetValues, readParquetColumns } from './parquet-process.ts';
import { isPng, parsePng, toGrey } from './png.ts';
import { INEXACT, roundedWhole, rowCount, type Table } from './table.ts';
import { allNamed, isNamed, joinColumns, ownColumn } from './wide-columns.ts';
import { type Classed, classesOf, takesClasses, WordLabels } from './word-labels.ts';

/** It is handed to another process, in one message. */
const MAX_BYTES = 1024 ** 3;

/** Columns of text and other things are left out, unless a wanted field takes their words as classes. */
export async function parseParquet(
  path: string,
  bytes: Uint8Array,
  wanted: readonly Field[] | undefined,
): Promise<Table> {
  const magic = new TextDecoder('latin1');
  if (magic.decode(bytes.subarray(0, 4)) !== 'PAR1') {
    throw badData(path, 'byte 0', `Parquet begins with PAR1, but this is ${looksLike(bytes)}`);
  }
  if (bytes.length < 12 || magic.decode(bytes.subarray(-4)) !== 'PAR1') {
    throw badData(path, `byte ${bytes.length}`, 'Parquet ends with PAR1: the file is cut off or damaged');
  }
  if (bytes.length > MAX_BYTES) throw badData(path, '', `at most ${MAX_BYTES} bytes of Parquet are read at once`);
  const reply = await readParquetColumns(bytes);
  if (reply.problem !== undefined) throw badData(path, '', `the file cannot be read (${reply.problem})`);
  const names = [...reply.columns.keys()];
  const columnsOf = names.map((name) => ({ name, shape: [] }));
  const labels = (wanted ?? []).filter(takesClasses).flatMap((field) => {
    const name = names[ownColumn(path, columnsOf, field.name)];
    return name === undefined ? [] : (labelsOf(path, name, reply.columns.get(name) ?? [], field) ?? []);
  });
  const rest = wanted?.filter(({ name }) => !labels.some(({ column }) => column.field.name === name));
  const byName = rest !== undefined && allNamed(path, columnsOf, rest);
  // Found by its position, a column without any value could be meant, too.
  const empty = rest?.length === 1 && !byName ? emptyColumn(reply.columns) : undefined;
  if (empty !== undefined) throw badData(path, `row 1, column \`${empty}\``, 'the value is missing, as in all rows');
  const columns = [...reply.columns].flatMap(([name, chunks]) =>
    byName && !rest.some((field) => isOf(field, name)) ? [] : (toColumn(path, name, chunks) ?? []),
  );
  assertNumbers(path, names, columns, rest ?? []);
  const table = { columns: [...columns, ...labels.map(({ column }) => column)] };
  const rows = rowCount(path, table);
  if (rows !== reply.rows) throw badData(path, '', `it announces ${reply.rows} rows and holds ${rows}`);
  const joined = joinColumns(path, columns, rest);
  return {
    ...joined,
    columns: [...joined.columns, ...labels.map(({ column }) => column)],
    words: [...reply.columns].flatMap(([name, chunks]) => (typeof firstValue(chunks) === 'string' ? [name] : [])),
    ...classesOf(labels),
  };
}

function emptyColumn(columns: ReadonlyMap<string, readonly ParquetValues[]>): string | undefined {
  return [...columns].find(([, chunks]) => firstValue(chunks) === undefined)?.[0];
}

/** Whether a column can be of a wanted field: where names say it, what lies in the others does not matter. */
function isOf({ name }: Field, column: string): boolean {
  return isNamed(column, name) || elementNumber(name, column) !== undefined;
}

/** Columns of text, times and the like are left out, but not where a field is called so. */
function assertNumbers(
  path: string,
  names: readonly string[],
  columns: readonly Column[],
  wanted: readonly Field[],
): void {
  const read = new Set(columns.map(({ field }) => field.name));
  for (const { name: field } of wanted.filter(({ name }) => !read.has(name))) {
    const other = names.find((name) => !read.has(name) && (name === field || elementNumber(field, name) !== undefined));
    if (other !== undefined)
      throw badData(path, `column \`${other}\``, `it holds no numbers, which \`${field}\` needs`);
  }
}

/** The classes of a column of words whose field takes them. */
function labelsOf(path: string, name: string, chunks: readonly ParquetValues[], field: Field): Classed | undefined {
  const isWord = (value: unknown): boolean => typeof value === 'string';
  if (!chunks.some((chunk) => Array.from(chunk).some(isWord))) return undefined;
  const labels = new WordLabels();
  let row = 0;
  for (const chunk of chunks)
    for (let k = 0; k < chunk.length; k++) {
      const value = chunk[k];
      labels.add(typeof value === 'string' ? value.trim() : '', `row ${++row}, column \`${name}\``);
    }
  return labels.column(path, field);
}

function toColumn(path: string, name: string, chunks: readonly ParquetValues[]): Column | undefined {
  const first = firstValue(chunks);
  if (pictureOf(first)) return pictureColumn(path, name, chunks);
  const shape = shapeOf(first);
  if (!shape) return undefined;
  const size = shape.reduce((product, n) => product * n, 1);
  if (size === 0) throw badData(path, `row 1, column \`${name}\``, 'the list is empty');
  const rows = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const values = zeroed(Float64Array, boundedCount(rows * size, MAX_BYTES, `numbers of column ${name}`));
  let row = 0;
  for (const chunk of chunks) {
    for (let k = 0; k < chunk.length; k++, row++) {
      const place = `row ${row + 1}, column \`${name}\``;
      const end = fill(path, place, chunk[k], values, row * size, (row + 1) * size);
      if (end !== (row + 1) * size) throw badData(path, place, `${end - row * size} numbers, but row 1 has ${size}`);
    }
  }
  const field: Field = { name, type: typeOf(chunks, values), shape };
  const rounded = field.type === 'f32' ? roundedWhole(values) : -1;
  if (rounded >= 0)
    throw badData(path, `row ${Math.floor(rounded / size) + 1}, column \`${name}\``, `${values[rounded]} ${INEXACT}`);
  return { field, data: field.type === 'i32' ? Int32Array.from(values) : Float32Array.from(values) };
}

/** The first value that is there; undefined where all of them are missing. */
function firstValue(chunks: readonly ParquetValues[]): unknown {
  for (const chunk of chunks)
    for (let k = 0; k < chunk.length; k++) {
      const value = chunk[k];
      if (value !== null && value !== undefined) return value;
    }
  return undefined;
}

/** Shape of a number or a list of lists; undefined for text and the like. */
function shapeOf(value: unknown): number[] | undefined {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return [];
  if (!Array.isArray(value)) return undefined;
  const inner = shapeOf(value[0]);
  return inner && [value.length, ...inner];
}

/** Whole numbers that fit are i32; a column stored as floating point stays f32. */
function typeOf(chunks: readonly ParquetValues[], values: Float64Array): FieldType {
  const floating = chunks.some((chunk) => chunk instanceof Float32Array || chunk instanceof Float64Array);
  return !floating && values.every((value) => value === (value | 0)) ? 'i32' : 'f32';
}

function fill(path: string, place: string, value: unknown, out: Float64Array, at: number, end: number): number {
  if (Array.isArray(value)) {
    let next = at;
    for (const item of value) next = fill(path, place, item, out, next, end);
    return next;
  }
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
    throw badData(path, place, value === null || value === undefined ? 'the value is missing' : 'a number is needed');
  }
  const number = Number(value);
  // Doubles hold 64-bit numbers up to 2^53: what is beyond would be taken for a measure.
  if (typeof value === 'bigint' && !Number.isSafeInteger(number) && BigInt(Math.fround(number)) !== value)
    throw badData(path, place, `${value} ${INEXACT}`);
  if (at < end) out[at] = number;
  return at + 1;
}

/** The bytes of a picture: the value itself, or its `bytes`, as data hubs store them. */
function pictureOf(value: unknown): Uint8Array | undefined {
  const inner = typeof value === 'object' && value !== null && 'bytes' in value ? value.bytes : value;
  return inner instanceof Uint8Array && isPng(inner) ? inner : undefined;
}

function pictureColumn(path: string, name: string, chunks: readonly ParquetValues[]): Column {
  const pictures = chunks
    .flatMap((chunk) => Array.from(chunk))
    .map((value, row) => {
      const bytes = pictureOf(value);
      if (!bytes) throw badData(path, `row ${row + 1}, column \`${name}\``, 'not a PNG picture, as other rows have');
      return parsePng(`${path}: row ${row + 1}, column \`${name}\``, bytes);
    });
  const { width = 0, height = 0 } = pictures[0] ?? {};
  const grey = pictures.every((picture) => picture.grey);
  const field: Field = { name, type: 'u8', shape: grey ? [height, width] : [height, width, 3] };
  const size = sizeOf(field);
  const data = zeroedBytes(boundedCount(pictures.length * size, 4 * MAX_BYTES, `pixels of column ${name}`));
  pictures.forEach((picture, row) => {
    if (picture.width !== width || picture.height !== height) {
      const problem = `${picture.width} x ${picture.height} pixels, but row 1 has ${width} x ${height}`;
      throw badData(path, `row ${row + 1}, column \`${name}\``, problem);
    }
    data.set(grey ? toGrey(picture) : picture.colours, row * size);
  });
  return { field, data };
}
