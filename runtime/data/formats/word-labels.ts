/**
 * Labels that a file has as words: each different word is a class, and classes are numbered in the order of the words.
 */
import { ofPresent, zeroed } from '../../support/bounded.ts';
import type { Classes, Column, Field } from '../dataset.ts';
import { foldedName } from './alike.ts';
import { badData } from './bad-data.ts';

/** More different words than this are names of samples, not of classes. */
export const MAX_CLASSES = 65_536;

/** Texts that programs write where a value is missing; a class may have such a name, too. */
const DOUBTFUL = /^(nan|na|n\/a|null|none|nil|\?|-|[+-]?inf(inity)?)$/i;

/** The numbers of the classes of one field, and the classes' names in the order of their numbers. */
export interface Classed {
  readonly column: Column;
  readonly names: readonly string[];
}

/** The part of a table that says which fields have classes with names. */
export function classesOf(labels: readonly Classed[]): { readonly classes?: Classes } {
  if (labels.length === 0) return {};
  return { classes: Object.fromEntries(labels.map(({ column, names }) => [column.field.name, names])) };
}

/** Whether a field can take the numbers of classes: one whole number per sample. */
export function takesClasses(field: Field | undefined): boolean {
  return field !== undefined && field.type === 'i32' && field.shape.length === 0;
}

/** The words of one column as they come, each different one kept once. */
export class WordLabels {
  readonly #numbers = new Map<string, number>();
  readonly #places: string[] = [];
  /** By row: the number of its word, in the order in which words came. */
  #rows = zeroed(Uint32Array, ofPresent(64));
  #count = 0;

  /** @param place of the word, for a message: `row 3, column \`kind\`` */
  add(word: string, place: string): void {
    let number = this.#numbers.get(word);
    if (number === undefined) {
      // Words past the bound count as one: the column is refused if a field wants it.
      number = Math.min(this.#numbers.size, MAX_CLASSES);
      if (number < MAX_CLASSES) this.#numbers.set(word, number);
      this.#places[number] ??= place;
    }
    if (this.#count === this.#rows.length) {
      const larger = zeroed(Uint32Array, ofPresent(2 * this.#count));
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.#count++] = number;
  }

  /**
   * Returns the column of the classes' numbers, and their names in that order.
   * @throws UserError `data/format` where a word is missing, may mean a missing value, or differs from another one only
   *   in its case, blanks or invisible marks, so that it is a class or a slip
   */
  column(path: string, field: Field): Classed {
    if (this.#places.length > MAX_CLASSES)
      throw badData(
        path,
        `column \`${field.name}\``,
        `more than ${MAX_CLASSES} different words: they name samples, not classes`,
      );
    const words = [...this.#numbers.keys()];
    const alike = new Map<string, string>();
    words.forEach((word, n) => {
      this.#check(path, word, alike, this.#places[n] ?? '');
    });
    const names = words.toSorted(byCodePoints);
    const numbers = new Map(names.map((name, number) => [name, number]));
    const order = words.map((word) => numbers.get(word) ?? 0);
    const data = Int32Array.from(this.#rows.subarray(0, this.#count), (number) => order[number] ?? 0);
    return { column: { field, data }, names };
  }

  #check(path: string, word: string, alike: Map<string, string>, place: string): void {
    if (word === '') throw badData(path, place, 'the cell is empty, where other rows have the name of a class');
    if (DOUBTFUL.test(word))
      throw badData(
        path,
        place,
        `"${word}" may be the name of a class, or say that there is none`,
        `leave such rows out, or write another word, such as \`no_${word.replace(/\W/g, '') || 'class'}\``,
      );
    const folded = foldedName(word);
    const other = alike.get(folded);
    if (other !== undefined)
      throw badData(path, place, `"${word}" and "${other}" are two classes, or one written in two ways`, 'write one');
    alike.set(folded, word);
  }
}

/** By code points, not by the language of the machine: every machine numbers classes alike. */
function byCodePoints(a: string, b: string): number {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return Buffer.compare(x, y);
}
