/** CSV: a row of names, then rows of numbers. Columns `x[0]`, `x[1]`, … make one field `x`. */
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { ofPresent, zeroed } from '../../support/bounded.ts';
import { type Column, type Field, sizeOf } from '../dataset.ts';
import { badData } from './bad-data.ts';
import { type Grouping, groupColumns } from './csv-names.ts';
import type { Table } from './table.ts';

/** The cells of one column, as they grow. */
interface Cells {
  readonly name: string;
  readonly at: number;
  values: Float64Array;
}

/** Columns of text are left out, unless a wanted field needs them (then it is an error). */
export function parseCsv(path: string, bytes: Uint8Array, wanted: readonly Field[] | undefined): Table {
  let names: readonly string[] | undefined;
  let cells: Cells[] = [];
  let rows = 0;
  let line = 0;
  const needed = wanted && new Set(wanted.map((field) => field.name));
  const onRecord = (record: readonly string[]): null => {
    line++;
    if (!names) {
      const headed = record.some((cell) => toNumber(cell) === undefined);
      names = headed ? uniqueNames(path, record) : record.map((_, c) => `column${c + 1}`);
      if (headed) return null;
    }
    if (rows === 0) cells = numericCells(names, record, needed);
    for (const cell of cells) store(path, cell, record[cell.at] as string, rows, line);
    rows++;
    return null;
  };
  try {
    parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      bom: true,
      delimiter: delimiterOf(bytes),
      skip_empty_lines: true,
      trim: true,
      max_record_size: 16 * 1024 ** 2,
      on_record: onRecord,
    });
  } catch (failure) {
    if (!(failure instanceof CsvError)) throw failure;
    throw badData(path, '', failure.message);
  }
  const full = cells.map((cell) => ({ ...cell, values: cell.values.subarray(0, rows) }));
  return {
    columns: groupColumns(
      full.map((cell) => cell.name),
      wanted,
    ).map((group) => toColumn(group, full, rows)),
  };
}

function uniqueNames(path: string, record: readonly string[]): string[] {
  const names = record.map((cell, c) => (cell === '' ? `column${c + 1}` : cell));
  const seen = new Set<string>();
  names.forEach((name, c) => {
    if (seen.has(name)) throw badData(path, `row 1, column ${c + 1}`, `a second column is called \`${name}\``);
    seen.add(name);
  });
  return names;
}

/** The first row of numbers tells which columns are text. */
function numericCells(names: readonly string[], record: readonly string[], needed: Set<string> | undefined): Cells[] {
  return names.flatMap((name, at) => {
    const numeric = toNumber(record[at] ?? '') !== undefined;
    return numeric || needed?.has(name) === true ? [{ name, at, values: new Float64Array(64) }] : [];
  });
}

function store(path: string, cell: Cells, text: string, row: number, line: number): void {
  const value = toNumber(text);
  if (value === undefined) {
    const found = text === '' ? 'the cell is empty' : `"${text.slice(0, 40)}" is no number`;
    throw badData(path, `row ${line}, column \`${cell.name}\``, found);
  }
  if (row === cell.values.length) {
    const larger = zeroed(Float64Array, ofPresent(2 * row));
    larger.set(cell.values);
    cell.values = larger;
  }
  cell.values[row] = value;
}

/** A decimal number; `undefined` for anything else, also for nan and inf. */
function toNumber(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Whichever of comma, tab and semicolon occurs most in the first line. */
function delimiterOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(10);
  const first = new TextDecoder().decode(bytes.subarray(0, Math.min(end < 0 ? bytes.length : end, 65_536)));
  const count = (mark: string): number => first.split(mark).length;
  return [',', '\t', ';'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

function toColumn({ name, shape, members }: Grouping, cells: readonly Cells[], rows: number): Column {
  const parts = members.map((m) => (cells[m] as Cells).values);
  const whole = parts.every((values) => values.every((value) => value === (value | 0)));
  const field: Field = { name, type: whole ? 'i32' : 'f32', shape };
  const size = sizeOf(field);
  const length = ofPresent(rows * members.length);
  const data = whole ? zeroed(Int32Array, length) : zeroed(Float32Array, length);
  parts.forEach((values, m) => {
    for (let row = 0; row < rows; row++) data[row * size + m] = values[row] as number;
  });
  return { field, data };
}
