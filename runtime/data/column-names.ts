/**
 * Which columns of a file a field was read from. A field that is found by the position of columns, and not by their
 * names, is another one where they stand in another order: what training read is what later files are held to.
 */
import { UserError } from '../support/errors.ts';

/** By field, in the order of its elements. */
export type ColumnNames = Readonly<Record<string, readonly string[]>>;

/**
 * The number that a column's name gives it among the elements of a field: `x[1]`, `x.1`, `x_1` and `x1` are 1 of `x`.
 */
export function elementNumber(field: string, column: string): number | undefined {
  const digits = /^(?:\[(\d+)\]|[._]?(\d+))$/.exec(column.startsWith(field) ? column.slice(field.length) : '');
  return digits ? Number(digits[1] ?? digits[2]) : undefined;
}

interface Named {
  readonly name: string;
  readonly columns?: ColumnNames;
}

/**
 * @param known columns of the training data, where those had names
 * @throws UserError `data/columns` where a field is found by position, and in other columns than training's
 */
export function assertColumns({ name, columns = {} }: Named, known: ColumnNames = {}): void {
  for (const [field, own] of Object.entries(columns)) {
    const trained = Object.hasOwn(known, field) ? known[field] : undefined;
    const saysItself = own.every((column) => elementNumber(field, column) !== undefined);
    if (!trained || saysItself || own.join('\n') === trained.join('\n')) continue;
    throw new UserError(
      'data/columns',
      `${name}: \`${field}\` would be its columns ${shown(own)} by their position, and training read ${shown(trained)}`,
      `order them as training had them, or call them ${field}[0], ${field}[1], …`,
    );
  }
}

/** Wider ones are not kept: they are not named by hand. */
const MAX_KEPT_COLUMNS = 4096;

/** Column names, as a run keeps them. */
export function keptColumns({ columns = {} }: Named): ColumnNames | undefined {
  const kept = Object.entries(columns).filter(([, names]) => names.length <= MAX_KEPT_COLUMNS);
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

const shown = (names: readonly string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')}, …` : names.join(', ');
