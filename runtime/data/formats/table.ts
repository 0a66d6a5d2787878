/** What every reader of a file returns, and how its columns become the fields that a model asks for. */

import { ofPresent, zeroed, zeroedBytes } from '../../support/bounded.ts';
import { UserError } from '../../support/errors.ts';
import {
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
  /** What to call each row when printing (file names); absent where a number serves. */
  readonly rowNames?: readonly string[];
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
  const columns = wanted ? wanted.map((field) => serve(path, table, field, rows, alone)) : table.columns;
  return memoryDataset(path, path, columns);
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
  if (sizeOf(column.field) !== size) {
    const found = describeField(column.field);
    throw badData(path, '', `\`${wanted.name}\` is ${found} per sample, but ${describeField(wanted)} is needed`);
  }
  return { field: wanted, data: convert(column.data, wanted, (i) => [path, place(wanted, i, size, rows)]) };
}

function place(field: Field, index: number, size: number, rows: number): string {
  const row = `row ${Math.floor(index / size) + 1} of ${rows}, \`${field.name}\``;
  return size === 1 ? row : `${row}, element ${(index % size) + 1}`;
}

/** Numbers as the field's type: UserError where one does not fit (a fraction for an integer, 300 for a byte). */
export function convert(data: ArrayLike<number>, field: Field, where: (i: number) => [string, string]): FieldArray {
  if (field.type === 'f32') return data instanceof Float32Array ? data : Float32Array.from(data);
  const bytes = field.type === 'u8';
  if (bytes ? data instanceof Uint8Array : data instanceof Int32Array) return data as FieldArray;
  const [least, most] = bytes ? [0, 255] : [-2147483648, 2147483647];
  const length = ofPresent(data.length);
  const out = bytes ? zeroedBytes(length) : zeroed(Int32Array, length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (!Number.isInteger(value) || value < least || value > most) {
      const [path, at] = where(i);
      throw badData(path, at, `${value} is no whole number from ${least} to ${most}, as ${field.type} needs`);
    }
    out[i] = value;
  }
  return out;
}
