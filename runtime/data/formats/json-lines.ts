/** JSON lines: one object per sample, with the fields' names and their numbers, nested or flat. */
import { reasonOf } from '../../../spec/reason-of.ts';
import { ofPresent, zeroed } from '../../support/bounded.ts';
import { findDuplicateKey } from '../../support/duplicate-keys.ts';
import { type Field, sizeOf } from '../dataset.ts';
import { badData } from './bad-data.ts';
import { convert, INEXACT, roundedText, sameLayout, type Table } from './table.ts';
import { allNamed, groupColumns } from './wide-columns.ts';
import { type Classed, classesOf, takesClasses, WordLabels } from './word-labels.ts';

/** @param wanted the fields to read; without it, those of the first line, as f32 */
export function parseJsonLines(path: string, text: string, wanted: readonly Field[] | undefined): Table {
  const objects = objectsOf(path, text);
  const [first] = objects;
  if (!first) throw badData(path, '', 'no line holds a sample', '{"image": [0, 0, …]} on each line');
  const fields = wanted ?? inferFields(path, first.object);
  if (fields.length === 0) throw badData(path, first.place, 'the object has no field of numbers');
  return objectsTable(path, objects, fields, text.length);
}

/** The sample of each line. @throws UserError `data/format` */
export function objectsOf(path: string, text: string): PlacedObject[] {
  const lines = text.split('\n').map((line, n) => ({ line: line.trim(), number: n + 1 }));
  return lines.filter(({ line }) => line !== '').map(({ line, number }) => parseLine(path, line, number));
}

/** @param most characters of all that the objects were read from */
export function objectsTable(
  path: string,
  objects: readonly PlacedObject[],
  fields: readonly Field[],
  most: number,
): Table {
  const labels = fields.flatMap((field) => labelsOf(path, objects, field) ?? []);
  const classed = new Map(labels.map(({ column }) => [column.field.name, column]));
  const columns = fields.map(
    (field) => classed.get(field.name) ?? { field, data: readField(path, objects, field, most) },
  );
  return {
    words: wordsOf(objects[0]?.object ?? {}),
    columns,
    ...classesOf(labels),
  };
}

/** Fields that are words. */
function wordsOf(object: PlacedObject['object']): string[] {
  return Object.keys(object).filter((name) => typeof object[name] === 'string');
}

/** A sample, where it stands for messages, and its text. */
export interface PlacedObject {
  /** `line 3`. */
  readonly place: string;
  readonly object: Readonly<Record<string, unknown>>;
  readonly text: () => string;
}

function parseLine(path: string, line: string, number: number): PlacedObject {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (failure) {
    const detail = reasonOf(failure);
    throw badData(path, `line ${number}`, `no JSON (${detail})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badData(path, `line ${number}`, 'an object is needed', '{"image": [0, 0, …]}');
  }
  const twice = findDuplicateKey(line);
  if (twice !== undefined) throw badData(path, `line ${number}`, `\`${twice}\` occurs twice`);
  return { place: `line ${number}`, object: value as Record<string, unknown>, text: () => line };
}

/** The classes of a field that is a word in every line, where it takes them. */
function labelsOf(path: string, lines: readonly PlacedObject[], field: Field): Classed | undefined {
  if (!takesClasses(field)) return undefined;
  const [name = field.name] = memberNames(path, lines[0]?.object ?? {}, field);
  if (!lines.some((line) => typeof line.object[name] === 'string')) return undefined;
  const labels = new WordLabels();
  for (const line of lines) {
    const value = line.object[name];
    const place = `${line.place}, \`${name}\``;
    if (typeof value !== 'string')
      throw badData(path, place, `${JSON.stringify(value)?.slice(0, 40) ?? 'nothing'}, where other lines have a word`);
    labels.add(value.trim(), place);
  }
  return labels.column(path, field);
}

/** The fields of numbers; `x[0]`, `x[1]`, … make one field here too. */
function inferFields(path: string, object: Readonly<Record<string, unknown>>): Field[] {
  const found = Object.entries(object).flatMap(([name, value]) => {
    const shape: number[] = [];
    let inner: unknown = value;
    while (Array.isArray(inner)) {
      shape.push(inner.length);
      inner = inner[0];
    }
    return typeof inner === 'number' ? [{ name, shape }] : [];
  });
  return groupColumns(path, found, undefined).map(({ name, shape }) => ({ name, type: 'f32', shape }));
}

/** @param most numbers that the text can hold: one a character. Where more are claimed, a line is short and is told. */
function readField(path: string, lines: readonly PlacedObject[], field: Field, most: number) {
  const size = sizeOf(field);
  const claimed = lines.length * size;
  const values = claimed <= most ? zeroed(Float64Array, ofPresent(claimed)) : undefined;
  const names = memberNames(path, lines[0]?.object ?? {}, field);
  lines.forEach(({ object, place: where, text }, row) => {
    const place = `${where}, \`${field.name}\``;
    const missing = names.find((name) => !Object.hasOwn(object, name));
    if (missing !== undefined) throw badData(path, where, `\`${missing}\` is missing`);
    const [only = ''] = names;
    const given = names.length === 1 && only === field.name ? object[only] : names.map((name) => object[name]);
    const value = typeof given === 'string' && takesText(field) ? [...new TextEncoder().encode(given)] : given;
    const flat = flatten(path, place, value);
    if (flat.length !== size && value !== given)
      throw badData(path, place, `${flat.length} bytes of text, but ${size} are needed`);
    if (flat.length !== size) throw badData(path, place, `${flat.length} numbers, but ${size} are needed`);
    const shape = shapeOf(value);
    if (!shape) throw badData(path, place, 'its lists are not all of one length');
    if (!sameLayout(shape, field.shape))
      throw badData(path, place, `lists of [${shape.join(', ')}], but [${field.shape.join(', ')}] are needed`);
    const rounded = flat.some((v) => Number.isInteger(v) && !Number.isSafeInteger(v)) && roundedIn(text(), flat);
    if (rounded) throw badData(path, place, `${rounded.slice(0, 40)} ${INEXACT}`);
    values?.set(flat, row * size);
  });
  return convert(values ?? [], field, (i) => {
    const line = lines[Math.floor(i / size)];
    return [path, `${line?.place}, \`${field.name}\`, element ${(i % size) + 1}`];
  });
}

/** Whether a field can be given as a text, whose bytes it holds. */
const takesText = ({ type, shape }: Field): boolean => type === 'u8' && shape.length === 1;

/** The first whole number of a line that is one of `values`, and is not what its digits say. */
function roundedIn(line: string, values: readonly number[]): string | undefined {
  const numbers = line.replace(/"(?:[^"\\]|\\.)*"/g, '""').match(/-?\d[\d.eE+-]*/g) ?? [];
  return numbers.find((digits) => roundedText(digits) && values.includes(Number(digits)));
}

/** Names of a field's elements in the first line: its own, or `x[0]`, `x[1]`, …, one number each. */
function memberNames(path: string, object: Readonly<Record<string, unknown>>, field: Field): readonly string[] {
  if (Object.hasOwn(object, field.name)) return [field.name];
  const flat = Object.keys(object).filter((name) => !Array.isArray(object[name]));
  const columns = flat.map((name) => ({ name, shape: [] }));
  const [group] = allNamed(path, columns, [field]) ? groupColumns(path, columns, [field]) : [];
  return group?.members.map((m) => flat[m] ?? '') ?? [field.name];
}

/** Lengths of nested lists from the outermost one; nothing where they differ. */
function shapeOf(value: unknown): number[] | undefined {
  const shape: number[] = [];
  for (let level: unknown[] = [value]; Array.isArray(level[0]); level = level.flat() as unknown[]) {
    const [{ length, 0: inner }] = level as [unknown[]];
    if (!level.every((list) => Array.isArray(list) && list.length === length)) return undefined;
    shape.push(length);
    // All lists are of one length: what lies inside the first lies inside the others, too.
    if (!Array.isArray(inner)) break;
  }
  return shape;
}

/** All numbers inside, in order; without recursion, so deep nesting cannot overflow the stack. */
function flatten(path: string, place: string, value: unknown): number[] {
  const out: number[] = [];
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) for (let i = next.length - 1; i >= 0; i--) open.push(next[i]);
    else if (typeof next === 'number') out.push(next);
    else if (typeof next === 'boolean') out.push(next ? 1 : 0);
    else throw badData(path, place, `${JSON.stringify(next)?.slice(0, 40) ?? 'nothing'} is not a number`);
  }
  return out;
}
