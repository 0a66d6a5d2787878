/** What elements of each class are read as, and what that says of each class. Pure. */

export interface Confusion {
  readonly classes: number;
  /** Row by row: of the elements of a class, how many are read as each. */
  readonly counts: readonly number[];
}

export interface ClassFigures {
  /** Elements of the class. */
  readonly count: number;
  /** Elements that are read as it. */
  readonly read: number;
  /** The share of these that belong to the class; null where nothing is read as it. */
  readonly precision: number | null;
  /** The share of its elements that are read as it; null where it has none. */
  readonly recall: number | null;
}

export function rowOf({ classes, counts }: Confusion, label: number): readonly number[] {
  return counts.slice(label * classes, (label + 1) * classes);
}

/** Of each class, in their order. */
export function figuresOf(confusion: Confusion): ClassFigures[] {
  const { classes, counts } = confusion;
  const readAs = counts.reduce<number[]>((sums, count, i) => {
    sums[i % classes] = (sums[i % classes] ?? 0) + count;
    return sums;
  }, []);
  return readAs.map((read, label) => {
    const right = counts[label * classes + label] ?? 0;
    const count = rowOf(confusion, label).reduce((sum, n) => sum + n, 0);
    return { count, read, precision: share(right, read), recall: share(right, count) };
  });
}

/** Of all elements, the share that is read as what it is; null where there are none. */
export function accuracyOf({ classes, counts }: Confusion): number | null {
  const right = counts.reduce((sum, n, i) => sum + (i % (classes + 1) === 0 ? n : 0), 0);
  return share(
    right,
    counts.reduce((sum, n) => sum + n, 0),
  );
}

function share(part: number, of: number): number | null {
  return of > 0 ? part / of : null;
}
