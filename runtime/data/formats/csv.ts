/** CSV: a row of names, then rows of numbers. Columns `x[0]`, `x[1]`, … make one field `x`. */
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { ofPresent, zeroed } from '../../support/bounded.ts';
import { elementNumber } from '../column-names.ts';
import { type Column, type Field, sizeOf } from '../dataset.ts';
import { badData } from './bad-data.ts';
import { CsvColumn } from './csv-column.ts';
import { isHeader } from './csv-header.ts';
import { INEXACT, roundedWhole, type Table } from './table.ts';
import { allNamed, type Grouping, groupColumns, isNamed, namesOfGroups, ownColumn } from './wide-columns.ts';
import { type Classed, classesOf, takesClasses } from './word-labels.ts';

/** Columns of text are left out, unless a wanted field takes their words as classes, or needs numbers (an error). */
export function parseCsv(path: string, bytes: Uint8Array, wanted: readonly Field[] | undefined): Table {
  const rows = new CsvRows(path);
  try {
    parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      bom: true,
      delimiter: delimiterOf(bytes),
      skip_empty_lines: true,
      trim: true,
      max_record_size: 16 * 1024 ** 2,
      on_record: (record: readonly string[]) => rows.take(record),
    });
  } catch (failure) {
    if (!(failure instanceof CsvError)) throw failure;
    throw badData(path, '', failure.message);
  }
  rows.end();
  return fieldsOf(path, rows, wanted);
}

/** Rows as they come. The first one is held back until the second tells whether it holds names. */
class CsvRows {
  readonly #path: string;
  #first: readonly string[] | undefined;
  columns: readonly CsvColumn[] | undefined;
  /** The first row holds names. */
  headed = false;
  /** Of samples. */
  count = 0;
  #line = 0;

  constructor(path: string) {
    this.#path = path;
  }

  take(record: readonly string[]): null {
    if (this.columns) this.#store(record);
    else if (this.#first) this.#begin(this.#first, record);
    else this.#first = record;
    return null;
  }

  end(): void {
    if (!this.columns && this.#first) this.#begin(this.#first, undefined);
  }

  #begin(first: readonly string[], second: readonly string[] | undefined): void {
    this.headed = isHeader(this.#path, first, second);
    const names = this.headed ? uniqueNames(this.#path, first) : first.map((_, c) => `column${c + 1}`);
    // A comma at the end of every line makes a column of nothing.
    const isUnnamed = (c: number): boolean => (this.headed ? first[c] === '' : c === first.length - 1);
    this.columns = names.map((name, c) => new CsvColumn(name, isUnnamed(c)));
    if (this.headed) this.#line++;
    else this.#store(first);
    if (second) this.#store(second);
  }

  #store(record: readonly string[]): void {
    this.#line++;
    this.columns?.forEach((column, c) => {
      column.add(record[c] ?? '', this.#line);
    });
    this.count++;
  }
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

function fieldsOf(path: string, { columns = [], count, headed }: CsvRows, wanted: readonly Field[] | undefined): Table {
  const labels = (wanted ?? []).flatMap((field) => labelsOf(path, columns, field) ?? []);
  const classed = new Set(labels.map(({ column }) => column.field.name));
  const rest = wanted?.filter((field) => !classed.has(field.name));
  const isWanted = (column: string): boolean =>
    rest?.some(({ name }) => isNamed(column, name) || elementNumber(name, column) !== undefined) ?? false;
  const usable = columns.filter(({ kind, name }) => kind === 'number' || isWanted(name));
  const named = usable.map(({ name }) => ({ name, shape: [] }));
  const groups = rest?.length === 0 ? [] : groupColumns(path, named, rest);
  // Found by its position, a column that is half text could be meant, too.
  const [only] = rest?.length === 1 ? rest : [];
  const byPosition = only !== undefined && [usable.length, columns.length].includes(sizeOf(only));
  const isDoubtful = (c: CsvColumn): boolean =>
    (c.kind === 'text' && c.number !== undefined) || (byPosition && c.isDoubtful);
  const doubtful = allNamed(path, named, rest) ? undefined : columns.find(isDoubtful);
  if (doubtful) throw badData(path, placeOf(doubtful, doubtful.gap?.line ?? 1), doubtful.problem);
  const columnNames = namesOfGroups(groups, named);
  const used = groups.flatMap(({ members }) => members.map((m) => usable[m] as CsvColumn));
  const gaps = used.flatMap((column) => (column.gap ? [{ column, line: column.gap.line }] : []));
  const [earliest] = gaps.sort((a, b) => a.line - b.line);
  if (earliest) throw badData(path, placeOf(earliest.column, earliest.line), earliest.column.problem);
  for (const column of used)
    if (column.rounded)
      throw badData(path, placeOf(column, column.rounded.line), `${column.rounded.text.slice(0, 40)} ${INEXACT}`);
  return {
    words: columns.filter((c) => c.kind === 'text' && !c.number).map(({ name }) => name),
    columns: [...groups.map((group) => toColumn(path, group, usable, count)), ...labels.map(({ column }) => column)],
    ...(headed && columnNames ? { columnNames } : {}),
    ...classesOf(labels),
  };
}

/** The classes of a column of words whose field takes them; a number among them leaves doubt, and is told. */
function labelsOf(path: string, columns: readonly CsvColumn[], field: Field): Classed | undefined {
  if (!takesClasses(field)) return undefined;
  const named = columns.map(({ name }) => ({ name, shape: [] }));
  const column = columns[ownColumn(path, named, field.name)];
  return column?.kind === 'text' && !column.number ? column.words?.column(path, field) : undefined;
}

function placeOf({ name }: CsvColumn, line: number): string {
  return `row ${line}, column \`${name}\``;
}

/** Whichever of comma, tab and semicolon occurs most in the first line. */
function delimiterOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(10);
  const first = new TextDecoder().decode(bytes.subarray(0, Math.min(end < 0 ? bytes.length : end, 65_536)));
  const count = (mark: string): number => first.split(mark).length;
  return [',', '\t', ';'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

function toColumn(path: string, { name, shape, members }: Grouping, cells: readonly CsvColumn[], rows: number): Column {
  const parts = members.map((m) => cells[m] as CsvColumn);
  const values = parts.map((part) => part.values);
  const whole = values.every((all) => all.every((value) => value === (value | 0)));
  const field: Field = { name, type: whole ? 'i32' : 'f32', shape };
  const size = sizeOf(field);
  const length = ofPresent(rows * members.length);
  const data = whole ? zeroed(Int32Array, length) : zeroed(Float32Array, length);
  for (const [m, all] of values.entries()) {
    const rounded = whole ? -1 : roundedWhole(all);
    if (rounded >= 0)
      throw badData(path, `sample ${rounded + 1}, column \`${parts[m]?.name}\``, `${all[rounded]} ${INEXACT}`);
    for (let row = 0; row < rows; row++) data[row * size + m] = all[row] as number;
  }
  return { field, data };
}
