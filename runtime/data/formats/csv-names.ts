/** Which columns of a table of numbers belong to one field. */
import { type Field, sizeOf } from '../dataset.ts';

export interface Grouping {
  readonly name: string;
  readonly shape: readonly number[];
  /** Numbers of the columns, in the order of the field's elements. */
  readonly members: readonly number[];
}

/**
 * A wanted field takes the column of its name, or the columns that are its name and a number (`x[0]`, `x.0`, `x_0`,
 * `x0`), or, if it is the only one wanted and of the table's width, all columns. With nothing wanted, `x[0]`, `x[1]`, …
 * make the field `x` and each other column is a field.
 */
export function groupColumns(names: readonly string[], wanted: readonly Field[] | undefined): Grouping[] {
  if (!wanted) return groupByBrackets(names);
  const found = wanted.flatMap((field) => findMembers(names, field) ?? []);
  const [only] = wanted;
  if (found.length === 0 && wanted.length === 1 && only && sizeOf(only) === names.length) {
    return [{ name: only.name, shape: only.shape, members: names.map((_, n) => n) }];
  }
  return found.length > 0 ? found : groupByBrackets(names);
}

function findMembers(names: readonly string[], field: Field): Grouping | undefined {
  const own = names.indexOf(field.name);
  if (own >= 0) return { name: field.name, shape: [], members: [own] };
  const numbered = names.flatMap((name, at) => {
    const rest = name.startsWith(field.name) ? name.slice(field.name.length) : '';
    const digits = /^(?:\[(\d+)\]|[._]?(\d+))$/.exec(rest);
    return digits ? [{ at, number: Number(digits[1] ?? digits[2]) }] : [];
  });
  if (numbered.length === 0) return undefined;
  numbered.sort((a, b) => a.number - b.number);
  const size = sizeOf(field);
  const shape = numbered.length === size ? field.shape : [numbered.length];
  return { name: field.name, shape, members: numbered.map(({ at }) => at) };
}

function groupByBrackets(names: readonly string[]): Grouping[] {
  const groups = new Map<string, number[]>();
  names.forEach((name, at) => {
    const stem = /^(.+)\[\d+\]$/.exec(name)?.[1];
    const members = groups.get(stem ?? name) ?? [];
    members.push(at);
    groups.set(stem ?? name, members);
  });
  return [...groups].map(([name, members]) => {
    const bracketed = names[members[0] as number] !== name;
    return { name, shape: bracketed ? [members.length] : [], members };
  });
}
