/** Operators about positions: numbering them, and rows of a table by their number. */
import { sizeOf } from '../../spec/program.ts';
import { type Operator, type ReferenceTensor, ShapeError, showShape, type Value } from './operator.ts';

function tableShape(table: readonly number[]): [number, number] {
  const [rows, width] = table;
  if (table.length === 2 && rows !== undefined && width !== undefined) return [rows, width];
  throw new ShapeError(`a table of rows is a matrix, not ${showShape(table)}`);
}

const rowsOf = (rows: unknown): number => {
  if (typeof rows === 'number' && Number.isInteger(rows) && rows >= 1) return rows;
  throw new ShapeError(`\`rows\` is a whole number from 1, not ${String(rows)}`);
};

export const indexingOperators = {
  /** 0, 1, … size - 1: what masks compare. */
  range: {
    arity: 0,
    attributes: { size: 'how many' },
    elementwise: false,
    shape: (_, { size }) => {
      if (typeof size === 'number' && Number.isInteger(size) && size >= 1) return [size];
      throw new ShapeError(`\`range\` counts to a whole number from 1, not ${String(size)}`);
    },
    reference: (_args, _a, shape) => Float64Array.from({ length: sizeOf(shape) }, (_, i) => i),
    derivative: () => [],
    flops: () => 0,
  },
  /**
   * embed(table [rows, width], ids): the row that each id names, along a new last axis. An id outside the table, or
   * between two numbers, is rounded down; outside there are zeros, as with `one_hot`.
   */
  embed: {
    arity: 2,
    attributes: {},
    elementwise: false,
    shared: [0],
    linear: [0],
    shape: ([table, ids]) => [...(ids ?? []), tableShape(table ?? [])[1]],
    reference: (args, _, shape) => {
      const [table, ids] = args as [ReferenceTensor, ReferenceTensor];
      const [rows, width] = tableShape(table.shape);
      const result = new Float64Array(sizeOf(shape));
      ids.data.forEach((id, i) => {
        const row = Math.floor(id);
        if (row >= 0 && row < rows) result.set(table.data.subarray(row * width, (row + 1) * width), i * width);
      });
      return result;
    },
    derivative: (args, _y, g, e) => {
      const [table, ids] = args as [Value, Value];
      return [e.op('embed_gradient', [ids, g], { rows: tableShape(table.shape)[0] }), null];
    },
    flops: () => 0,
  },
  /** embed_gradient(ids, g): the gradients of a table's rows, summed over all ids that name them. */
  embed_gradient: {
    arity: 2,
    attributes: { rows: 'rows of the table' },
    elementwise: false,
    internal: true,
    linear: [1],
    shape: ([ids, g], { rows }) => {
      const width = g?.[g.length - 1];
      if (width === undefined || g?.length !== (ids?.length ?? 0) + 1 || ids?.some((n, i) => n !== g[i]))
        throw new ShapeError(`${showShape(g ?? [])} has not one row for each of ${showShape(ids ?? [])} ids`);
      return [rowsOf(rows), width];
    },
    reference: (args, a, shape) => {
      const [ids, g] = args as [ReferenceTensor, ReferenceTensor];
      const rows = rowsOf(a.rows);
      const width = shape[1] as number;
      const result = new Float64Array(sizeOf(shape));
      ids.data.forEach((id, i) => {
        const row = Math.floor(id);
        if (row < 0 || row >= rows) return;
        for (let j = 0; j < width; j++)
          result[row * width + j] = (result[row * width + j] as number) + (g.data[i * width + j] as number);
      });
      return result;
    },
    derivative: (args, _y, g, e) => [null, e.op('embed', [g, args[0] as Value])],
    flops: ([, g]) => sizeOf(g ?? []),
  },
} satisfies Record<string, Operator>;
