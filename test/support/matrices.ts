/** Just enough linear algebra for closed forms. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function matrix(rows: number, columns: number, data: ArrayLike<number>): Matrix {
  if (data.length !== rows * columns) throw new Error(`${data.length} numbers are no ${rows} x ${columns} matrix`);
  return { rows, columns, data: Float64Array.from(data) };
}

export function identity(n: number): Matrix {
  return fill(n, n, (i, j) => (i === j ? 1 : 0));
}

export function at(m: Matrix, i: number, j: number): number {
  return m.data[i * m.columns + j] ?? Number.NaN;
}

export function transpose(m: Matrix): Matrix {
  return fill(m.columns, m.rows, (i, j) => at(m, j, i));
}

export function add(a: Matrix, b: Matrix): Matrix {
  return fill(a.rows, a.columns, (i, j) => at(a, i, j) + at(b, i, j));
}

export function subtract(a: Matrix, b: Matrix): Matrix {
  return fill(a.rows, a.columns, (i, j) => at(a, i, j) - at(b, i, j));
}

export function multiply(a: Matrix, b: Matrix): Matrix {
  return fill(a.rows, b.columns, (i, j) => {
    let sum = 0;
    for (let k = 0; k < a.columns; k++) sum += at(a, i, k) * at(b, k, j);
    return sum;
  });
}

/** a⁻¹ b by elimination with pivots. */
export function solve(a: Matrix, b: Matrix): Matrix {
  const rows = Array.from({ length: a.rows }, (_, i) => [
    ...a.data.slice(i * a.columns, (i + 1) * a.columns),
    ...b.data.slice(i * b.columns, (i + 1) * b.columns),
  ]);
  for (let k = 0; k < a.rows; k++) {
    const rest = rows.slice(k).map((row) => Math.abs(row[k] ?? 0));
    const pivot = k + rest.indexOf(Math.max(...rest));
    [rows[k], rows[pivot]] = [rows[pivot] ?? [], rows[k] ?? []];
    const top = rows[k] ?? [];
    for (const [i, row] of rows.entries()) {
      if (i === k) continue;
      const factor = (row[k] ?? 0) / (top[k] ?? 0);
      rows[i] = row.map((v, j) => v - factor * (top[j] ?? 0));
    }
  }
  return fill(a.rows, b.columns, (i, j) => (rows[i]?.[a.columns + j] ?? 0) / (rows[i]?.[i] ?? 0));
}

function fill(rows: number, columns: number, value: (i: number, j: number) => number): Matrix {
  return {
    rows,
    columns,
    data: Float64Array.from({ length: rows * columns }, (_, e) => value(Math.floor(e / columns), e % columns)),
  };
}
