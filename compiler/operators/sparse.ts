/**
 * Operators on matrices of which only some entries exist. `connections` holds the row of each entry and then its
 * column, [2, n], in order of rows and then of columns; behind them, entries whose row is below zero fill the tensor up
 * and count for nothing. Axes in front are pages.
 */
import type { Shape } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import { type Operator, type ReferenceTensor, ShapeError, showShape, type Value } from './operator.ts';

function sameFront(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

function matrixOf(shape: unknown): readonly [number, number] {
  if (Array.isArray(shape) && shape.length === 2 && shape.every((n) => Number.isInteger(n) && n >= 1))
    return shape as unknown as [number, number];
  throw new ShapeError(`\`matrix\` is [rows, columns], not ${String(shape)}`);
}

/** Calls `visit` for every entry that exists, with its place in the list and in the matrices. */
function visitEntries(
  connections: ReferenceTensor,
  [rows, columns]: readonly [number, number],
  visit: (entry: number, element: number) => void,
): void {
  const n = connections.shape[connections.shape.length - 1] as number;
  const pages = connections.data.length / (2 * n);
  for (let page = 0; page < pages; page++)
    for (let i = 0; i < n; i++) {
      const row = Math.round(connections.data[2 * page * n + i] as number);
      const column = Math.round(connections.data[(2 * page + 1) * n + i] as number);
      if (row >= 0) visit(page * n + i, (page * rows + row) * columns + column);
    }
}

export const sparseOperators = {
  /** scatter_matrix(values [n], connections [2, n]): the matrix with these entries, zero elsewhere. */
  scatter_matrix: {
    arity: 2,
    attributes: { matrix: '[rows, columns] of the result' },
    elementwise: false,
    internal: true,
    linear: [0],
    shape: ([values, connections], { matrix }) => {
      const front = (values ?? []).slice(0, -1);
      const n = values?.[values.length - 1];
      if (n === undefined || !sameFront(connections ?? [], [...front, 2, n]))
        throw new ShapeError(`${showShape(connections ?? [])} does not place the entries ${showShape(values ?? [])}`);
      return [...front, ...matrixOf(matrix)];
    },
    reference: (args, { matrix }, shape) => {
      const [values, connections] = args as [ReferenceTensor, ReferenceTensor];
      const result = new Float64Array(sizeOf(shape));
      visitEntries(connections, matrixOf(matrix), (entry, element) => {
        result[element] = values.data[entry] as number;
      });
      return result;
    },
    derivative: (args, _y, g, e) => [e.op('gather_matrix', [g, args[1] as Value]), null],
    flops: () => 0,
  },
  /** gather_matrix(matrix, connections [2, n]): the entries of a matrix, zero for those that do not exist. */
  gather_matrix: {
    arity: 2,
    attributes: {},
    elementwise: false,
    internal: true,
    linear: [0],
    shape: ([matrix, connections]) => {
      const front = (matrix ?? []).slice(0, -2);
      const n = connections?.[connections.length - 1];
      if (n === undefined || !sameFront(connections ?? [], [...front, 2, n]))
        throw new ShapeError(`${showShape(connections ?? [])} names no entries of ${showShape(matrix ?? [])}`);
      return [...front, n];
    },
    reference: (args, _, shape) => {
      const [matrix, connections] = args as [ReferenceTensor, ReferenceTensor];
      const result = new Float64Array(sizeOf(shape));
      visitEntries(connections, matrixOf(matrix.shape.slice(-2)), (entry, element) => {
        result[entry] = matrix.data[element] as number;
      });
      return result;
    },
    derivative: (args, _y, g, e) => {
      const [matrix, connections] = args as [Value, Value];
      return [e.op('scatter_matrix', [g, connections], { matrix: matrix.shape.slice(-2) }), null];
    },
    flops: () => 0,
  },
} satisfies Record<string, Operator>;
