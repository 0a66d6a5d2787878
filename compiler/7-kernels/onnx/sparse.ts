/**
 * Matrices of which only some entries exist, as ONNX nodes over flat positions. What depends on states alone the device
 * lays out, once for every change of them: in the graph it would take a sixth of the time of a dense link at density 0.1.
 */
import type { LaidOut } from '../../../spec/cpu-manifest.ts';
import { type Shape, sizeOf } from '../../../spec/program.ts';
import { CAST } from './casts.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Lowering } from './lowering.ts';

/** Flat positions of the entries in all pages, 0 for entries that do not exist, and which exist; made once. */
function entriesOf(
  connections: string,
  [rows, columns]: readonly [number, number],
  e: OnnxEmitter,
): { positions: string; exist: string; count: number } {
  const shape = e.shapeOf(connections);
  const n = shape[shape.length - 1] as number;
  const pages = sizeOf(shape) / (2 * n);
  const count = pages * n;
  if (canLayOut(e, [pages, rows, columns], connections))
    return {
      positions: e.layOut(laidOut('places', connections, [pages, rows, columns])),
      exist: e.layOut(laidOut('exist', connections, [pages, rows, columns])),
      count,
    };
  const key = `${connections} ${rows} ${columns}`;
  const part = (axis: number): string => {
    const sliced = e.node('Slice', [
      connections,
      e.integers([axis]),
      e.integers([axis + 1]),
      e.integers([shape.length - 2]),
    ]);
    return e.node('Reshape', [sliced, e.integers([pages, n])]);
  };
  const row = e.once(`rows ${key}`, () => part(0));
  const exist = e.once(`exist ${key}`, () =>
    e.node('Reshape', [
      e.node('Cast', [e.node('GreaterOrEqual', [row, e.number(0)])], { to: CAST.float }),
      e.integers([count]),
    ]),
  );
  const positions = e.once(`positions ${key}`, () => {
    // In whole numbers: large matrices have more entries than a float can count.
    const whole = (name: string): string => e.node('Cast', [e.node('Max', [name, e.number(0)])], { to: CAST.int64 });
    const inPage = e.node('Add', [e.node('Mul', [whole(row), e.index(columns)]), whole(part(1))]);
    const starts = e.node('Reshape', [
      e.integers(Array.from({ length: pages }, (_, page) => page * rows * columns)),
      e.integers([pages, 1]),
    ]);
    return e.node('Reshape', [e.node('Add', [inPage, starts]), e.integers([count])]);
  });
  return { positions, exist, count };
}

/** Places are counted in 32 bits. */
const MAX_ELEMENTS = 2 ** 31;

function canLayOut(e: OnnxEmitter, shape: Shape, ...states: readonly string[]): boolean {
  return e.isGiven(...states) && sizeOf(shape) < MAX_ELEMENTS;
}

function laidOut(kind: 'places' | 'exist', connections: string, shape: Shape): LaidOut {
  return { input: `${kind}:${connections}`, kind, connections, shape };
}

const scatter: Lowering = (op, e) => {
  const [values, connections] = op.args as [string, string];
  const pages = sizeOf(op.shape.slice(0, -2));
  const shape = [pages, ...op.shape.slice(-2)];
  if (canLayOut(e, shape, values, connections)) {
    const input = e.layOut({ input: `matrix:${values}`, kind: 'matrix', values, connections, shape });
    e.node('Reshape', [input, e.integers(op.shape)], {}, op.id);
    return;
  }
  const matrix = op.shape.slice(-2) as unknown as readonly [number, number];
  const { positions, exist, count } = entriesOf(connections, matrix, e);
  const flat = e.node('Mul', [e.node('Reshape', [values, e.integers([count])]), exist]);
  const zeros = e.node('Expand', [e.number(0), e.integers([sizeOf(op.shape)])]);
  const dense = e.node('ScatterElements', [zeros, positions, flat], { axis: 0, reduction: 'add' });
  e.node('Reshape', [dense, e.integers(op.shape)], {}, op.id);
};

const gather: Lowering = (op, e) => {
  const [matrix, connections] = op.args as [string, string];
  const shape = e.shapeOf(matrix);
  const { positions, exist } = entriesOf(connections, shape.slice(-2) as unknown as readonly [number, number], e);
  const flat = e.node('Reshape', [matrix, e.integers([sizeOf(shape)])]);
  const found = e.node('Mul', [e.node('Gather', [flat, positions], { axis: 0 }), exist]);
  e.node('Reshape', [found, e.integers(op.shape)], {}, op.id);
};

export const sparseLowerings = { scatter_matrix: scatter, gather_matrix: gather } satisfies Record<string, Lowering>;
