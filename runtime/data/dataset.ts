/** Any data, as the trainer sees them: rows addressed by number, each with the same named fields. */

import type { PictureMoves } from '../../spec/plan.ts';
import { boundedCount, MAX_ELEMENTS, ofPresent, zeroed, zeroedBytes } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import type { ColumnNames } from './column-names.ts';
import type { VocabularyFile } from './vocabulary-file.ts';

export type FieldType = 'u8' | 'i32' | 'f32';
export type FieldArray = Uint8Array | Int32Array | Float32Array;

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Shape per sample, [] = scalar. */
  readonly shape: readonly number[];
}

export interface Dataset {
  /** `mnist.train`, `mnist.train[0..54999]`, or the file's name. */
  readonly name: string;
  /** Number of samples. */
  readonly length: number;
  readonly fields: readonly Field[];
  /**
   * Copies the rows `indices` of one field, in that order, into `out`: an array of the field's type with
   * indices.length × sizeOf(field) elements. Throws RangeError on anything else (a mistake of the caller).
   */
  gather(field: string, indices: ArrayLike<number>, out: FieldArray): void;
  /** "generated from seed 1", or the folder read: printed to people. */
  readonly origin: string;
  /** Names of the classes that the numbers of a field stand for, in their order, where the data have names for them. */
  readonly classes?: Classes;
  /** Of the file, where its columns have names and several of them are a field. */
  readonly columns?: ColumnNames;
  /** The file whose tokens the ids of its texts are. */
  readonly vocabulary?: VocabularyFile;
  /** Samples at the end that no sequence has: they do not fill one. */
  readonly rest?: number;
  /** How a training moves their pictures. Rows that are gathered are as they lie. */
  readonly moved?: PictureMoves;
}

/** Of a part of a data set, what it has as the whole has it. */
export function namesOf({
  classes,
  columns,
  vocabulary,
  rest,
  moved,
}: Dataset): Pick<Dataset, 'classes' | 'columns' | 'vocabulary' | 'rest' | 'moved'> {
  return {
    ...(classes ? { classes } : {}),
    ...(columns ? { columns } : {}),
    ...(vocabulary ? { vocabulary } : {}),
    ...(rest ? { rest } : {}),
    ...(moved ? { moved } : {}),
  };
}

/** By field. */
export type Classes = Readonly<Record<string, readonly string[]>>;

/** All rows of one field, one after the other. */
export interface Column {
  readonly field: Field;
  readonly data: FieldArray;
}

/** Number of elements of one sample's field. */
export function sizeOf(field: Field): number {
  return field.shape.reduce((product, size) => product * size, 1);
}

/** A zeroed array of the field's type for `rows` samples. */
export function allocate(field: Field, rows: number): FieldArray {
  const length = boundedCount(rows * sizeOf(field), MAX_ELEMENTS, `elements of ${field.name}`);
  if (field.type === 'u8') return zeroedBytes(length);
  return field.type === 'i32' ? zeroed(Int32Array, length) : zeroed(Float32Array, length);
}

export function findField(dataset: Dataset, name: string): Field {
  const field = dataset.fields.find((f) => f.name === name);
  if (field) return field;
  const known = dataset.fields.map((f) => f.name).join(', ');
  throw new UserError('data/field', `${dataset.name} has no field \`${name}\``, `its fields are: ${known}`);
}

/** `u8[28, 28]`, `i32`: as the language writes it. */
export function describeField(field: Field): string {
  return field.shape.length === 0 ? field.type : `${field.type}[${field.shape.join(', ')}]`;
}

/** Throws RangeError where a call of `gather` does not fit the field: `rows` indices into `out`. */
export function checkGather(field: Field, rows: number, out: FieldArray): void {
  const expected = field.type === 'u8' ? Uint8Array : field.type === 'i32' ? Int32Array : Float32Array;
  if (!(out instanceof expected)) throw new RangeError(`field ${field.name} is ${field.type}`);
  if (out.length !== rows * sizeOf(field)) {
    throw new RangeError(`field ${field.name}: ${rows} rows are ${rows * sizeOf(field)} elements, not ${out.length}`);
  }
}

/** A data set that lies in memory; all columns must have the same number of rows. */
export function memoryDataset(name: string, origin: string, columns: readonly Column[], classes?: Classes): Dataset {
  const length = rowsOf(columns);
  const byName = new Map(columns.map((column) => [column.field.name, column]));
  return {
    name,
    length,
    origin,
    ...(classes ? { classes } : {}),
    fields: columns.map((column) => column.field),
    gather(fieldName, indices, out) {
      const column = byName.get(fieldName);
      if (!column) throw new RangeError(`${name} has no field ${fieldName}`);
      checkGather(column.field, indices.length, out);
      copyRows(column.data, sizeOf(column.field), length, indices, out);
    },
  };
}

function rowsOf(columns: readonly Column[]): number {
  const [first] = columns;
  if (!first) return 0;
  const rows = first.data.length / sizeOf(first.field);
  for (const { field, data } of columns) {
    if (data.length !== rows * sizeOf(field)) throw new RangeError(`columns differ in length at ${field.name}`);
  }
  return rows;
}

/** Rows of fewer elements than this are copied one by one: a typed array's `set` costs more than it saves. */
const SHORT_ROW = 16;

function copyRows(data: FieldArray, size: number, rows: number, indices: ArrayLike<number>, out: FieldArray): void {
  for (let k = 0; k < indices.length; k++) {
    const index = indices[k] as number;
    if (!(index >= 0 && index < rows)) throw new RangeError(`row ${index} of ${rows}`);
    if (size >= SHORT_ROW) {
      out.set(data.subarray(index * size, (index + 1) * size), k * size);
    } else {
      for (let e = 0; e < size; e++) out[k * size + e] = data[index * size + e] as number;
    }
  }
}

/** `data.X.train[from..to]`, both ends included. */
export function slice(dataset: Dataset, from: number, to: number): Dataset {
  const whole = Number.isInteger(from) && Number.isInteger(to);
  if (!whole || from < 0 || to < from || to >= dataset.length) {
    throw new UserError(
      'data/range',
      `${dataset.name}[${from}..${to}] is not inside its ${dataset.length} samples`,
      dataset.length > 0 ? `both ends are included: use 0..${dataset.length - 1} or a part of it` : undefined,
    );
  }
  return {
    name: `${dataset.name}[${from}..${to}]`,
    length: to - from + 1,
    fields: dataset.fields,
    origin: dataset.origin,
    ...namesOf(dataset),
    gather(field, indices, out) {
      const shifted = zeroed(Float64Array, ofPresent(indices.length));
      for (let k = 0; k < indices.length; k++) {
        const index = indices[k] as number;
        if (!(index >= 0 && index <= to - from)) throw new RangeError(`row ${index} of ${to - from + 1}`);
        shifted[k] = index + from;
      }
      dataset.gather(field, shifted, out);
    },
  };
}
