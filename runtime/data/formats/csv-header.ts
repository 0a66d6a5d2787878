/** Whether the first row of a CSV file holds names; where it can be read both ways, the file is refused. */
import type { UserError } from '../../support/errors.ts';
import { badData } from './bad-data.ts';
import { isMissing, toNumber } from './csv-column.ts';

/**
 * @param second the row behind it, if there is one
 * @throws UserError `data/format` where the row could be names as well as a sample
 */
export function isHeader(path: string, first: readonly string[], second: readonly string[] | undefined): boolean {
  const numbers = first.filter((cell) => toNumber(cell) !== undefined);
  const words = first.filter((cell) => !isMissing(cell) && toNumber(cell) === undefined);
  if (numbers.length === 0) return true;
  if (words.length > 0) {
    // A word over numbers is a name. A word over a word may be a name, or a label: then nothing tells.
    const named = first.some((cell, c) => words.includes(cell) && toNumber(second?.[c] ?? '') !== undefined);
    if (named) return true;
    throw doubtful(path, first, 'it has both words and numbers');
  }
  // pandas writes the numbers of columns as their names, behind an empty cell where it writes the rows' numbers, too.
  if (numbers.every((cell, i) => Number(cell) === i)) throw doubtful(path, first, 'pandas writes such names');
  const step = stepOf(numbers);
  if (step !== undefined && second && !isStep(stepOf(second), step))
    throw doubtful(path, first, 'it counts, and the row behind it does not');
  return false;
}

/** By which number three cells or more grow from one to the next: names of columns, years, wavelengths. */
function stepOf(cells: readonly string[]): number | undefined {
  if (cells.length < 3 || !cells.every((cell) => toNumber(cell) !== undefined)) return undefined;
  const [first = 0, next = 0] = cells.map(Number);
  const step = next - first;
  const isNear = (cell: string, i: number): boolean =>
    Math.abs(Number(cell) - first - i * step) <= 1e-9 * cells.length * step;
  return step > 0 && cells.every(isNear) ? step : undefined;
}

function doubtful(path: string, first: readonly string[], why: string): UserError {
  const shown = first.slice(0, 8).join(', ').slice(0, 80);
  return badData(
    path,
    'row 1',
    `\`${shown}${first.length > 8 ? ', …' : ''}\` are names, or a sample: ${why}`,
    'begin the file with a row of names: x[0], x[1], … for the elements of a field x',
  );
}

/** Fractions are rounded. */
function isStep(one: number | undefined, other: number): boolean {
  return one !== undefined && Math.abs(one - other) <= 1e-9 * other;
}
