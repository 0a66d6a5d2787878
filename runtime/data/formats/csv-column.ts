/** One column of a CSV file as it grows: numbers, or text, told by the first cell that is not empty. */
import { ofPresent, zeroed } from '../../support/bounded.ts';
import { roundedText } from './table.ts';
import { WordLabels } from './word-labels.ts';

export class CsvColumn {
  readonly name: string;
  readonly #unnamed: boolean;
  /** `open` while all its cells are empty or say that a value is missing. */
  kind: 'open' | 'number' | 'text' = 'open';
  /** The first cell that holds no number, and its line. */
  gap: { readonly line: number; readonly text: string } | undefined;
  /** The first cell that holds neither a number nor says that one is missing, and its line. */
  word: { readonly line: number; readonly text: string } | undefined;
  /** Of a column of text: the first cell that holds a number. */
  number: { readonly line: number; readonly text: string } | undefined;
  /** The first whole number of more digits than are read. */
  rounded: { readonly line: number; readonly text: string } | undefined;
  /** All cells, unless the column is one of numbers. */
  words: WordLabels | undefined = new WordLabels();
  #values = new Float64Array(64);
  #count = 0;

  /** @param unnamed the file gives it no name, so it counts only where it has numbers */
  constructor(name: string, unnamed = false) {
    this.name = name;
    this.#unnamed = unnamed;
  }

  /** Up to the first gap. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.#count);
  }

  /** The first cell without a number, in words. */
  get problem(): string {
    const text = this.gap?.text ?? '';
    const found = text === '' ? 'the cell is empty' : `"${text.slice(0, 40)}" is not a number`;
    return this.kind === 'text' && this.number
      ? `${found}, but row ${this.number.line} has ${this.number.text}`
      : found;
  }

  /** The column may be one of numbers, though it is not read so: no cell has one, or they are written in another way. */
  get isDoubtful(): boolean {
    if (this.kind === 'open') return this.gap !== undefined && !this.#unnamed;
    return this.kind === 'text' && isOddNumber(this.word?.text ?? '');
  }

  /** @param line from 1, the row of names included */
  add(text: string, line: number): void {
    const value = toNumber(text);
    if (value === undefined) {
      this.gap ??= { line, text };
      if (!isMissing(text)) this.word ??= { line, text };
      if (this.kind === 'open' && this.word) this.kind = 'text';
      this.words?.add(text, `row ${line}, column \`${this.name}\``);
      return;
    }
    if (!this.rounded && roundedText(text)) this.rounded = { line, text };
    if (this.kind === 'open') {
      this.kind = 'number';
      this.words = undefined;
    }
    if (this.kind === 'text') this.number ??= { line, text };
    else if (!this.gap) this.#push(value);
  }

  #push(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = zeroed(Float64Array, ofPresent(2 * this.#count));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
  }
}

/** A decimal number; `undefined` for anything else, also for nan and inf. */
export function toNumber(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** What people or programs mean as a number: `1,5`, `1,234.5`, `12 %`, `True`. A date is none. */
function isOddNumber(text: string): boolean {
  if (/^(true|false)$/i.test(text)) return true;
  return /^[-+$€£ ]*\d[\d.,' ]*[%$€£ ]*$/.test(text) && !/^\d{1,4}([.-])\d{1,2}\1\d{1,4}/.test(text);
}

/** Texts that programs write where a number is missing. */
export function isMissing(text: string): boolean {
  return /^(|nan|na|n\/a|null|none|nil|\?|-|[+-]?inf(inity)?)$/i.test(text);
}
