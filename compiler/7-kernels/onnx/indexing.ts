/** Positions and rows of tables as ONNX nodes. */
import { sizeOf } from '../../../spec/program.ts';
import { CAST } from './casts.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Lowering } from './lowering.ts';

/** Which ids, one a row, name a row of the table: [n, 1]. */
const insideOf = (e: OnnxEmitter, ids: string, rows: number): string =>
  e.once(`inside ${ids} ${rows}`, () => {
    const column = e.node('Reshape', [ids, e.integers([-1, 1])]);
    return e.node('And', [e.node('GreaterOrEqual', [column, e.number(0)]), e.node('Less', [column, e.number(rows)])]);
  });

/** The row of each id, one a row, as whole numbers: 0 where there is none. */
const rowNumbers = (e: OnnxEmitter, ids: string, rows: number): string =>
  e.once(`rows ${ids} ${rows}`, () => {
    const column = e.node('Reshape', [ids, e.integers([-1, 1])]);
    const known = e.node('Where', [insideOf(e, ids, rows), column, e.number(0)]);
    return e.node('Cast', [e.node('Floor', [known])], { to: CAST.int64 });
  });

const range: Lowering = (op, e) => {
  e.node('Identity', [e.range(op.attributes.size as number)], {}, op.id);
};

const embed: Lowering = (op, e) => {
  const [table, ids] = op.args as [string, string];
  const [rows] = e.shapeOf(table) as [number, number];
  const flat = e.node('Reshape', [rowNumbers(e, ids, rows), e.integers([-1])]);
  const found = e.node('Gather', [table, flat], { axis: 0 });
  const kept = e.node('Where', [insideOf(e, ids, rows), found, e.number(0)]);
  e.node('Reshape', [kept, e.integers(op.shape)], {}, op.id);
};

/** Up to so many entries a table of who goes where, and a product with it, take a quarter of the time of adding up (measured). */
const MAX_TABLE_ENTRIES = 1 << 18;

const embedGradient: Lowering = (op, e) => {
  const [ids, g] = op.args as [string, string];
  const [rows, width] = op.shape as [number, number];
  const count = sizeOf(e.shapeOf(ids));
  const flat = e.node('Reshape', [g, e.integers([count, width])]);
  if (rows * count <= MAX_TABLE_ENTRIES) {
    const column = e.node('Floor', [e.node('Reshape', [ids, e.integers([-1, 1])])]);
    const table = e.node('Cast', [e.node('Equal', [column, e.range(rows)])], { to: CAST.float });
    e.node('Gemm', [table, flat], { transA: 1 }, op.id);
    return;
  }
  const kept = e.node('Where', [insideOf(e, ids, rows), flat, e.number(0)]);
  const positions = e.node('Expand', [rowNumbers(e, ids, rows), e.integers([count, width])]);
  const zeros = e.node('Expand', [e.number(0), e.integers([rows, width])]);
  e.node('ScatterElements', [zeros, positions, kept], { axis: 0, reduction: 'add' }, op.id);
};

export const indexingLowerings = { range, embed, embed_gradient: embedGradient } satisfies Record<string, Lowering>;
