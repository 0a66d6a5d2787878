/** Tables that every reader of a file returns, and how their columns become the fields that a model asks for. */

import { ofPresent, zeroed, zeroedBytes } from '../../support/bounded.ts';
import { UserError } from '../../support/errors.ts';
import type { ColumnNames } from '../column-names.ts';
import {
  type Classes,
  type Column,
  type Dataset,
  describeField,
  type Field,
  type FieldArray,
  memoryDataset,
  sizeOf,
} from '../dataset.ts';
import { badData } from './bad-data.ts';

export interface Table {
  readonly columns: readonly Column[];
  /** Name of each row in print (file names); absent where a number serves. */
  readonly rowNames?: readonly string[];
  /** Names of the classes that the numbers of a field stand for. */
  readonly classes?: Classes;
  /** Names that the file gives to the columns of a field. */
  readonly columnNames?: ColumnNames;
  /** Names of the columns of words, where the format has some. */
  readonly words?: readonly string[];
  /** The only column's name is ours, not the file's: it may stand for any field. */
  readonly unnamed?: boolean;
}

/** The number of samples of a table; UserError where columns differ or there is none. */
export function rowCount(path: string, table: Table): number {
  const [first] = table.columns;
  if (!first) throw badData(path, '', 'it holds no numbers');
  const rows = first.data.length / sizeOf(first.field);
  for (const { field, data } of table.columns) {
    const own = data.length / sizeOf(field);
    if (own === rows) continue;
    throw badData(path, '', `\`${first.field.name}\` has ${rows} rows, but \`${field.name}\` has ${own}`);
  }
  if (rows === 0) throw badData(path, '', 'it holds no samples');
  return rows;
}

export function tableDataset(path: string, table: Table, wanted: readonly Field[] | undefined): Dataset {
  const alone = wanted?.length === 1 && table.unnamed === true;
  const rows = rowCount(path, wanted && !alone ? usedOf(table, wanted) : table);
  const fields = wanted ?? table.columns.map(({ field }) => field);
  const columns = fields.map((field) => serve(path, table, field, rows, alone));
  const dataset = memoryDataset(path, path, columns, table.classes);
  return table.columnNames ? { ...dataset, columns: table.columnNames } : dataset;
}

/** A file may hold more than is asked for, and of another length: `x_train` beside `x_test`. */
function usedOf(table: Table, wanted: readonly Field[]): Table {
  const columns = table.columns.filter((c) => wanted.some((field) => field.name === c.field.name));
  return columns.length > 0 ? { ...table, columns } : table;
}

/** The column that serves `wanted`, converted to its type and shape. */
function serve(path: string, table: Table, wanted: Field, rows: number, anyName: boolean): Column {
  const [only] = table.columns;
  const column = table.columns.find((c) => c.field.name === wanted.name) ?? (anyName ? only : undefined);
  if (!column) {
    const names = table.columns.map((c) => `\`${c.field.name}\``).join(', ');
    throw new UserError('data/field', `${path}: it has no \`${wanted.name}\`, only ${names}`, 'rename one of them');
  }
  const size = sizeOf(wanted);
  if (!sameLayout(column.field.shape, wanted.shape)) {
    const found = describeField(column.field);
    const problem = `\`${wanted.name}\` is ${found} per sample, but ${describeField(wanted)} is needed`;
    throw badData(path, '', problem, transposition(column.field.shape, wanted.shape));
  }
  return { field: wanted, data: convert(column.data, wanted, (i) => [path, place(wanted, i, size, rows)]) };
}

/**
 * Whether elements in the order of one shape are those of the other: axes of length 1 say nothing, and a flat list is
 * read row by row. Two shapes of the same size are not: `[3, 32, 32]` holds its colours apart, `[32, 32, 3]` side by side.
 */
export function sameLayout(found: readonly number[], wanted: readonly number[]): boolean {
  const [from, to] = [found, wanted].map((shape) => shape.filter((n) => n !== 1)) as [number[], number[]];
  const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
  if (from.length <= 1 || to.length <= 1) return size(from) === size(to);
  return from.join() === to.join();
}

/** The axes that make the wanted shape of the one that is there, if any do. */
function transposition(found: readonly number[], wanted: readonly number[]): string | undefined {
  const left = found.map((n, axis) => ({ n, axis }));
  const order = wanted.map(
    (n) =>
      left.splice(
        left.findIndex((each) => each.n === n),
        1,
      )[0]?.axis,
  );
  if (found.length !== wanted.length || [...found].sort().join() !== [...wanted].sort().join()) return undefined;
  return `transpose it: numpy.transpose(x, (0, ${order.map((axis) => (axis ?? 0) + 1).join(', ')}))`;
}

function place(field: Field, index: number, size: number, rows: number): string {
  const row = `row ${Math.floor(index / size) + 1} of ${rows}, \`${field.name}\``;
  return size === 1 ? row : `${row}, element ${(index % size) + 1}`;
}

/** Whether 32 bits of floating point, in which devices compute, hold a number as it is. */
function exactAsF32(value: number): boolean {
  return Math.fround(value) === value;
}

/**
 * Index of the first number that would be rounded, where all are whole; -1 where none is, or fractions are meant. What is
 * larger than a double counts exactly is a measure, not a count.
 */
export function roundedWhole(values: Int32Array | Float64Array): number {
  const whole = values instanceof Int32Array || values.every(Number.isInteger);
  return whole ? values.findIndex((value) => Number.isSafeInteger(value) && !exactAsF32(value)) : -1;
}

/**
 * The same of doubles that become f32 while they are read: those that all are whole are counts, of which f32 holds the ones
 * up to 2^24.
 */
export function roundedDouble(count: number, read: (i: number) => number): number {
  let first = -1;
  for (let i = 0; i < count; i++) {
    const value = read(i);
    if (!Number.isInteger(value)) return -1;
    if (first < 0 && Number.isSafeInteger(value) && !exactAsF32(value)) first = i;
  }
  return first;
}

/** Whether a number written with digits alone is not the one that is read of it. */
export function roundedText(digits: string): boolean {
  const value = Number(digits);
  if (Number.isSafeInteger(value) || !/^[+-]?\d+$/.test(digits)) return false;
  return !Number.isFinite(value) || BigInt(digits.replace('+', '')) !== BigInt(Math.fround(value));
}

/** Of a whole number: why it is refused. */
export const INEXACT =
  'is a whole number that 32 bits of floating point, in which devices compute, cannot hold exactly';

/**
 * Numbers as the field's type.
 * @throws UserError `data/format` where one does not fit: a fraction for an integer, 300 for a byte, a whole number that
 *   would be rounded, NaN or an infinity anywhere
 */
export function convert(data: ArrayLike<number>, field: Field, where: (i: number) => [string, string]): FieldArray {
  const refuse = (i: number, problem: string): never => {
    throw badData(...where(i), `${data[i]} ${problem}`);
  };
  if (field.type === 'f32') {
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) refuse(i, 'is not a finite number');
    const rounded = data instanceof Int32Array || data instanceof Float64Array ? roundedWhole(data) : -1;
    if (rounded >= 0) refuse(rounded, INEXACT);
    return data instanceof Float32Array ? data : Float32Array.from(data);
  }
  const bytes = field.type === 'u8';
  if (bytes && data instanceof Uint8Array) return data;
  const [least, most] = bytes ? [0, 255] : [-2147483648, 2147483647];
  const length = ofPresent(data.length);
  const out = bytes ? zeroedBytes(length) : zeroed(Int32Array, length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (!Number.isInteger(value) || value < least || value > most)
      refuse(i, `is not a whole number from ${least} to ${most}, as ${field.type} needs`);
    if (!exactAsF32(value)) refuse(i, INEXACT);
    out[i] = value;
  }
  return out;
}
