/**
 * Entries of matrices of which only some exist. Each element of `scatter_matrix` looks for its entry in the whole list:
 * no two threads ever write the same place, and nothing has to be cleared first.
 */
import type { FlatOp } from './flat.ts';
import type { Place, Reduction, WgslLowering } from './lowering.ts';
import { coordinates, linear, within } from './writer.ts';

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

function scatter(op: FlatOp): Reduction {
  const connections = shapeOf(op, 1);
  const n = connections.at(-1) ?? 1;
  const pages = pagesOf(connections);
  const [rows = 1, columns = 1] = op.shape.slice(-2);
  return {
    combine: 'sum',
    count: n,
    byColumns: true,
    term: ({ w, at, load }, r) => {
      const [page = '', row = ''] = coordinates(w, at, [pages, rows, columns]);
      const column = w.let('column', columns === 1 ? '0u' : within(w, at, 1, columns));
      const place = (side: string): string => w.let('p', linear(w, [page, side, r], [pages, 2, n]));
      const value = w.name('value');
      w.line(`var ${value} = 0.0;`);
      const here = `round(${load(1, place('0u'))}) == f32(${row}) && round(${load(1, place('1u'))}) == f32(${column})`;
      w.block(`if (${here})`, () => {
        w.line(`${value} = ${load(0, w.let('p', linear(w, [page, r], [pages, n])))};`);
      });
      return value;
    },
  };
}

export const sparseLowerings = {
  gather_matrix: { kind: 'gather', claims: false, write: gather },
  scatter_matrix: { kind: 'reduction', claims: false, plan: scatter },
} satisfies Record<string, WgslLowering>;
