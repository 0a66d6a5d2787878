/**
 * Entries of matrices of which only some exist. Each element of `scatter_matrix` looks for its entry in the list, which
 * is in order: no two threads ever write the same place, and nothing has to be cleared first.
 */
import type { FlatOp } from './flat.ts';
import { coordinates, linear } from './linear-places.ts';
import type { Place, WgslLowering } from './lowering.ts';

const shapeOf = (op: FlatOp, argument: number): readonly number[] => op.uses[argument]?.shape ?? [];
const pagesOf = (connections: readonly number[]): number => connections.slice(0, -2).reduce((a, b) => a * b, 1);

function gather({ w, op, at, load }: Place): string {
  const matrix = shapeOf(op, 0);
  const connections = shapeOf(op, 1);
  const [rows = 1, columns = 1] = matrix.slice(-2);
  const n = connections.at(-1) ?? 1;
  const pages = pagesOf(connections);
  const [page = '', entry = ''] = coordinates(w, at, [pages, n]);
  const place = (side: string): string => w.let('p', linear(w, [page, side, entry], [pages, 2, n]));
  const row = w.let('row', `i32(round(${load(1, place('0u'))}))`);
  const column = w.let('column', `i32(round(${load(1, place('1u'))}))`);
  const value = w.name('value');
  w.line(`var ${value} = 0.0;`);
  w.block(`if (${row} >= 0)`, () => {
    const from = linear(w, [page, `u32(${row})`, `u32(${column})`], [pages, rows, columns]);
    w.line(`${value} = ${load(0, w.let('p', from))};`);
  });
  return value;
}

/** Halves the part of the list in which the entry must be, if it is there, until one place is left. */
function scatter({ w, op, at, load }: Place): string {
  const connections = shapeOf(op, 1);
  const n = connections.at(-1) ?? 1;
  const pages = pagesOf(connections);
  const [rows = 1, columns = 1] = op.shape.slice(-2);
  const [page = '', row = '', column = ''] = coordinates(w, at, [pages, rows, columns]);
  const place = (side: string, entry: string): string => w.let('p', linear(w, [page, side, entry], [pages, 2, n]));
  const [low, high, value] = [w.name('low'), w.name('high'), w.name('value')];
  w.line(`var ${low} = 0u;`);
  w.line(`var ${high} = ${n}u;`);
  w.block(`while (${low} < ${high})`, () => {
    const middle = w.let('middle', `(${low} + ${high}) / 2u`);
    const there = w.let('row', `round(${load(1, place('0u', middle))})`);
    const beside = w.let('column', `round(${load(1, place('1u', middle))})`);
    const before = `${there} == f32(${row}) && ${beside} < f32(${column})`;
    w.block(
      `if (${there} >= 0.0 && (${there} < f32(${row}) || (${before})))`,
      () => w.line(`${low} = ${middle} + 1u;`),
      '} else {',
    );
    w.line(`${high} = ${middle};`);
    w.line('}');
  });
  w.line(`var ${value} = 0.0;`);
  w.block(`if (${low} < ${n}u)`, () => {
    const here = `round(${load(1, place('0u', low))}) == f32(${row})`;
    w.block(`if (${here} && round(${load(1, place('1u', low))}) == f32(${column}))`, () => {
      w.line(`${value} = ${load(0, w.let('p', linear(w, [page, low], [pages, n])))};`);
    });
  });
  return value;
}

export const sparseLowerings = {
  gather_matrix: { kind: 'gather', claims: false, write: gather },
  scatter_matrix: { kind: 'gather', claims: false, write: scatter },
} satisfies Record<string, WgslLowering>;
