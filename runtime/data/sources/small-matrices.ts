/** Matrices of a few rows, in f64, for generated data. */
import { boundedCount, listOf } from '../../support/bounded.ts';
export type Matrix = readonly (readonly number[])[];

export function identity(n: number): number[][] {
  const size = boundedCount(n, 64, 'rows of a matrix');
  return listOf(size, (i) => listOf(size, (j) => (i === j ? 1 : 0)));
}

export function times(a: Matrix, v: readonly number[]): number[] {
  return a.map((row) => row.reduce((sum, x, j) => sum + x * (v[j] as number), 0));
}

export function transpose(a: Matrix): number[][] {
  return (a[0] ?? []).map((_, j) => a.map((row) => row[j] as number));
}

export function multiply(a: Matrix, b: Matrix): number[][] {
  const columns = transpose(b);
  return a.map((row) => times(columns, row));
}

export function add(a: Matrix, b: Matrix): number[][] {
  return a.map((row, i) => row.map((x, j) => x + (b[i]?.[j] as number)));
}

export function subtract(a: Matrix, b: Matrix): number[][] {
  return a.map((row, i) => row.map((x, j) => x - (b[i]?.[j] as number)));
}

/** Of a positive definite matrix: Gauss and Jordan, no pivots needed. */
export function inverse(a: Matrix): number[][] {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...(identity(n)[i] as number[])]);
  for (let p = 0; p < n; p++) {
    const pivot = rows[p] as number[];
    const by = pivot[p] as number;
    for (let j = 0; j < 2 * n; j++) pivot[j] = (pivot[j] as number) / by;
    rows.forEach((row, i) => {
      if (i === p) return;
      const factor = row[p] as number;
      for (let j = 0; j < 2 * n; j++) row[j] = (row[j] as number) - factor * (pivot[j] as number);
    });
  }
  return rows.map((row) => row.slice(n));
}
