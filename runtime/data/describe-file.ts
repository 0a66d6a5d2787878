/** Describes a file or folder of data for somebody who is about to write a model of it. */
import { UserError } from '../support/errors.ts';
import { type Column, type Dataset, type Field, sizeOf } from './dataset.ts';
import { readTable } from './formats/read-table.ts';
import { tableDataset } from './formats/table.ts';
import { fieldName } from './formats/wide-columns.ts';

/** The target of prediction: one of so many classes, or a number. */
export type Target =
  | { readonly kind: 'class'; readonly field: string; readonly classes: number; readonly names?: readonly string[] }
  | { readonly kind: 'number'; readonly field: string; readonly variance: number };

export interface Description {
  readonly samples: number;
  /** The columns that it may be predicted from. */
  readonly inputs: readonly Field[];
  readonly target: Target;
  /** Columns that are neither, and why. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

/** A whole number from 0 to less than this is taken for a class. */
const MAX_NUMBERED_CLASSES = 1000;
/** Names that people give to what is to be predicted. */
const TARGET_NAMES = /^(label|labels|class|target|y|kind|category|species|digit)$/i;

/**
 * @param asked name of the column to predict; without it the only one of words, or the only one of such a name
 * @throws UserError `data/…` as readers do; `new/target` where more than one column could be what is to be predicted
 */
export async function describeFile(path: string, asked: string | undefined): Promise<Description> {
  const table = await readTable(path, undefined);
  const words = table.words ?? [];
  const target = chooseTarget(
    path,
    asked,
    words,
    table.columns.map(({ field }) => field),
  );
  const wordy = words.includes(target);
  const leftOut = words.filter((name) => name !== target).map((name) => ({ name, reason: 'it holds words' }));
  const numbers = table.columns.filter(({ field }) => field.name !== target);
  const rowNumbers = numbers.filter(isRowNumber).map(({ field }) => field.name);
  for (const name of rowNumbers) leftOut.push({ name, reason: 'it numbers the rows' });
  const inputs = numbers.map(({ field }) => named(path, field)).filter(({ name }) => !rowNumbers.includes(name));
  if (inputs.length === 0)
    throw new UserError(
      'new/inputs',
      `${path} has nothing to predict \`${target}\` from: no other column holds numbers`,
    );
  const label: Field = { name: fieldName(target), type: 'i32', shape: [] };
  if (!wordy) {
    const column = table.columns.find(({ field }) => field.name === target) as Column;
    return { samples: column.data.length, inputs, target: numericTarget(column, table.classes?.[target]), leftOut };
  }
  const dataset: Dataset = tableDataset(path, await readTable(path, [label]), [label]);
  const names = dataset.classes?.[label.name] ?? [];
  return {
    samples: dataset.length,
    inputs,
    leftOut,
    target: { kind: 'class', field: label.name, classes: names.length, names },
  };
}

function chooseTarget(
  path: string,
  asked: string | undefined,
  words: readonly string[],
  fields: readonly Field[],
): string {
  const single = fields.filter((field) => sizeOf(field) === 1).map(({ name }) => name);
  const all = [...words, ...single];
  if (asked !== undefined) {
    const found = all.find((name) => name === asked) ?? all.find((name) => fieldName(name) === asked);
    if (found !== undefined) return found;
    throw new UserError('new/target', `${path} has no column \`${asked}\` of single values`, `it has ${shown(all)}`);
  }
  const called = all.filter((name) => TARGET_NAMES.test(name));
  const [only, other] = called.length > 0 ? called : words;
  if (only !== undefined && other === undefined) return only;
  throw new UserError(
    'new/target',
    `${path} does not say which column is to be predicted`,
    all.length > 0
      ? `--target NAME, one of ${shown(all)}`
      : 'it needs a column of single values, or a folder for each class',
  );
}

function shown(names: readonly string[]): string {
  return `${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`;
}

/** 1, 2, 3, … or 0, 1, 2, …: the number of the row, from which nothing is learnt. */
function isRowNumber({ field, data }: Column): boolean {
  const first = data[0];
  if (sizeOf(field) !== 1 || data.length < 3 || (first !== 0 && first !== 1)) return false;
  return data.every((value, row) => value === first + row);
}

/** @param names of the classes, where they have some: of folders */
function numericTarget({ field, data }: Column, names: readonly string[] | undefined): Target {
  const name = fieldName(field.name);
  if (names) return { kind: 'class', field: name, classes: names.length, names };
  let [largest, sum, squares] = [0, 0, 0];
  for (const value of data) largest = Math.max(largest, value);
  const whole = data.every((value) => Number.isInteger(value) && value >= 0);
  if (whole && largest >= 1 && largest < MAX_NUMBERED_CLASSES && new Set(data).size === largest + 1)
    return { kind: 'class', field: name, classes: largest + 1 };
  for (const value of data) sum += value;
  for (const value of data) squares += (value - sum / data.length) ** 2;
  return { kind: 'number', field: name, variance: squares / data.length };
}

/** The field as the language can name it. */
function named(path: string, field: Field): Field {
  const name = fieldName(field.name);
  if (/^[A-Za-z_]\w*$/.test(name)) return { ...field, name };
  throw new UserError(
    'new/name',
    `${path}: no field can be called \`${field.name}\``,
    'begin the name of each column with a letter',
  );
}
