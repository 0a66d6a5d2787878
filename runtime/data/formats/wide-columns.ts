/** Which columns of a table belong to one field: `x[0]`, `x[1]`, … make `x`, in every format that names columns. */
import { ofPresent, zeroed } from '../../support/bounded.ts';
import { type ColumnNames, elementNumber } from '../column-names.ts';
import { type Column, type Field, type FieldType, sizeOf } from '../dataset.ts';
import { badData } from './bad-data.ts';
import type { Table } from './table.ts';

export interface Grouping {
  readonly name: string;
  readonly shape: readonly number[];
  /** Numbers of the columns, in the order of the field's elements. */
  readonly members: readonly number[];
}

/** Only columns of single numbers can be an element of a field. */
type Named = Pick<Field, 'name' | 'shape'>;

/**
 * Returns the fields that named columns make. A wanted field takes the column of its name, or the columns that are its
 * name and a number (`x[0]`, `x.0`, `x_0`, `x0`), or, if it is the only one wanted and of the table's width, all columns.
 * With nothing wanted, `x[0]`, `x[1]`, … make the field `x` and each other column is a field.
 * @throws UserError `data/format` where numbers are missing or twice, so that an element would take another's place
 */
export function groupColumns(
  path: string,
  columns: readonly Named[],
  wanted: readonly Field[] | undefined,
): Grouping[] {
  if (!wanted) return groupByBrackets(path, columns);
  const found = wanted.flatMap((field) => findMembers(path, columns, field) ?? []);
  if (found.length > 0) return found;
  const [only] = wanted;
  const flat = columns.every(({ shape }) => shape.length === 0);
  if (wanted.length === 1 && only && flat && columns.length > 1 && sizeOf(only) === columns.length)
    return [{ name: only.name, shape: only.shape, members: columns.map((_, n) => n) }];
  return groupByBrackets(path, columns);
}

/** Whether the columns of every wanted field are found by their names. */
export function allNamed(path: string, columns: readonly Named[], wanted: readonly Field[] | undefined): boolean {
  return wanted?.every((field) => findMembers(path, columns, field) !== undefined) ?? false;
}

/** Names of the columns of each field that has several. */
export function namesOfGroups(groups: readonly Grouping[], columns: readonly Named[]): ColumnNames | undefined {
  const wide = groups.filter(({ members }) => members.length > 1);
  if (wide.length === 0) return undefined;
  return Object.fromEntries(wide.map(({ name, members }) => [name, members.map((m) => columns[m]?.name ?? '')]));
}

/** Puts the columns of each field together; columns that belong to no field stay as they are. */
export function joinColumns(path: string, columns: readonly Column[], wanted: readonly Field[] | undefined): Table {
  const fields = columns.map(({ field }) => field);
  const groups = groupColumns(path, fields, wanted);
  const used = new Set(groups.flatMap(({ members }) => members));
  const joined = groups.map((group) => joinedOf(group, columns));
  const columnNames = namesOfGroups(groups, fields);
  return {
    columns: [...joined, ...columns.filter((_, n) => !used.has(n))],
    ...(columnNames ? { columnNames } : {}),
  };
}

function joinedOf({ name, shape, members }: Grouping, columns: readonly Column[]): Column {
  const parts = members.map((m) => columns[m] as Column);
  const [first] = parts as [Column];
  if (parts.length === 1 && shape.length === first.field.shape.length)
    return { field: { ...first.field, name }, data: first.data };
  const type: FieldType = parts.some((p) => p.field.type === 'f32') ? 'f32' : 'i32';
  const rows = first.data.length;
  const length = ofPresent(rows * parts.length);
  const data = type === 'f32' ? zeroed(Float32Array, length) : zeroed(Int32Array, length);
  for (const [m, part] of parts.entries())
    for (let row = 0; row < rows; row++) data[row * parts.length + m] = part.data[row] as number;
  return { field: { name, type, shape }, data };
}

function findMembers(path: string, columns: readonly Named[], field: Field): Grouping | undefined {
  const own = ownColumn(path, columns, field.name);
  if (own >= 0) return { name: field.name, shape: columns[own]?.shape ?? [], members: [own] };
  const numbered = columns.flatMap(({ name, shape }, at) => {
    const number = shape.length === 0 ? elementNumber(field.name, name) : undefined;
    return number === undefined ? [] : [{ at, number }];
  });
  if (numbered.length === 0) return undefined;
  const members = inOrder(path, field.name, numbered);
  const shape = numbered.length === sizeOf(field) ? field.shape : [numbered.length];
  return { name: field.name, shape, members };
}

/**
 * Returns the place of the column of a field's name, else of the one whose name the language writes so; -1 where there is
 * none.
 * @throws UserError `data/format` where the language writes two columns' names so
 */
export function ownColumn(path: string, columns: readonly Named[], field: string): number {
  const own = columns.findIndex(({ name }) => name === field);
  if (own >= 0) return own;
  const alike = columns.filter(({ name }) => fieldName(name) === field);
  const [first, second] = alike;
  if (!first) return -1;
  if (second)
    throw badData(
      path,
      '',
      `\`${field}\` is the column \`${first.name}\`, or \`${second.name}\``,
      'rename one of them',
    );
  return columns.indexOf(first);
}

/** Whether a field may read a column of that name. */
export function isNamed(column: string, field: string): boolean {
  return column === field || fieldName(column) === field;
}

/** A column's name as the language writes it: `petal length (cm)` is `petal_length_cm`. */
export function fieldName(column: string): string {
  // `x[0]` and `x.0` are elements of a field, not names.
  if (/[[.]\d+\]?$/.test(column)) return column;
  return column
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_]+/g, '_')
    .replace(/^_+|_+$/g, '');
}

function groupByBrackets(path: string, columns: readonly Named[]): Grouping[] {
  const groups = new Map<string, { at: number; number: number | undefined }[]>();
  columns.forEach(({ name, shape }, at) => {
    const [, stem, number] = (shape.length === 0 && /^(.+)\[(\d+)\]$/.exec(name)) || [];
    const members = groups.get(stem ?? name) ?? [];
    members.push({ at, number: number === undefined ? undefined : Number(number) });
    groups.set(stem ?? name, members);
  });
  return [...groups].map(([name, members]) => {
    const numbered = members.flatMap(({ at, number }) => (number === undefined ? [] : [{ at, number }]));
    const [first] = members;
    if (numbered.length === 0 && first) return { name, shape: columns[first.at]?.shape ?? [], members: [first.at] };
    if (numbered.length < members.length)
      throw badData(path, '', `there are a column \`${name}\` and columns \`${name}[0]\`, …`, 'rename one of them');
    return { name, shape: [members.length], members: inOrder(path, name, numbered) };
  });
}

/** Numbers from 0 or from 1, each once: with a gap every element behind it would be read as another one. */
function inOrder(path: string, name: string, numbered: { at: number; number: number }[]): number[] {
  numbered.sort((a, b) => a.number - b.number);
  const first = numbered[0]?.number ?? 0;
  const wrong = numbered.find(({ number }, i) => number !== first + i);
  if (first > 1 || wrong) {
    const expected = first > 1 ? 0 : first + (wrong ? numbered.indexOf(wrong) : 0);
    const twice = wrong !== undefined && wrong.number < expected;
    throw badData(
      path,
      '',
      twice ? `\`${name}\` has two columns ${wrong.number}` : `\`${name}\` has no column ${expected}`,
      `number its columns from 0 without gaps: ${name}[0], ${name}[1], …`,
    );
  }
  return numbered.map(({ at }) => at);
}
