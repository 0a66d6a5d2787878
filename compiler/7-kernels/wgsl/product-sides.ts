/** Both sides of a product of matrices, as every form of it reads them. */
import type { Shape } from '../../../spec/program.ts';
import { matrixShapes } from '../../operators/layout.ts';
import type { FlatOp } from './flat.ts';
import { repeatedPlace, times } from './linear-places.ts';
import type { ModuleWriter } from './writer.ts';

export interface Matrices {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Axes in front. */
  readonly batch: Shape;
  readonly left: Shape;
  readonly right: Shape;
  readonly ta: boolean;
  readonly tb: boolean;
}

export function matricesOf(op: FlatOp): Matrices {
  const [left = [], right = []] = op.uses.map((u) => u.shape);
  const { ta, tb } = { ta: op.attributes.ta === true, tb: op.attributes.tb === true };
  return { ...matrixShapes(left, right, op.attributes), left, right, ta, tb };
}

/** Names that all forms of the product use. */
export interface Sides {
  readonly paged: boolean;
  readonly rows: string;
  readonly columns: string;
  readonly depth: string;
  /** Elements of the two sides, as expressions of `row`, `column` and `k`. */
  readonly left: (row: string, k: string) => string;
  readonly right: (k: string, column: string) => string;
  /** Linear place of the result's element. */
  readonly at: (row: string, column: string) => string;
}

/** How the elements of both sides are read; `begin` writes where the page of each begins. */
export function sidesOf(w: ModuleWriter, op: FlatOp): { sides: Sides; begin: (page: string) => void } {
  const { m, n, k, batch, left, right, ta, tb } = matricesOf(op);
  const [leftUse, rightUse] = op.uses;
  if (!leftUse || !rightUse) throw new Error('a product has two sides');
  const names = { left: w.bind(leftUse.base, 'left', 'read'), right: w.bind(rightUse.base, 'right', 'read') };
  const [columns, rows, depth] = [w.named('columns', n), w.named('rows', m), w.named('depth', k)];
  const paged = batch.length > 0;
  const page = paged ? { left: 'left_page + ', right: 'right_page + ' } : { left: '', right: '' };
  const start = (from: Shape, size: number): string =>
    times(w, repeatedPlace(w, 'page', from.slice(0, -2), batch), size);
  const begin = (from: string): void => {
    if (!paged) return;
    w.line(`let page = ${from};`);
    w.line(`let left_page = ${start(left, m * k)};`);
    w.line(`let right_page = ${start(right, k * n)};`);
  };
  const sides: Sides = {
    paged,
    rows,
    columns,
    depth,
    left: (row, d) => w.read(names.left, `${page.left}${ta ? `${d} * ${rows} + ${row}` : `${row} * ${depth} + ${d}`}`),
    right: (d, column) =>
      w.read(names.right, `${page.right}${tb ? `(${column}) * ${depth} + ${d}` : `${d} * ${columns} + ${column}`}`),
    at: (row, column) => `${paged ? `(page * ${rows} + ${row})` : row} * ${columns} + ${column}`,
  };
  return { sides, begin };
}

/** How a product begins: as a module's `main`, or as one of several parts of a module, with `thread` alone. */
export type Entry = 'main' | 'part';

/** @param more further parameters */
export const partHead = (w: ModuleWriter, more = ''): string => `fn part${w.part}(group: vec3u, thread: u32${more})`;

/** A part of one side that a group of threads reads at once. */
interface Strip {
  /** Rows of the left side, columns of the right one. */
  readonly count: number;
  readonly depth: number;
  /** Neighbours along the depth lie side by side. */
  readonly along: boolean;
  readonly threads: number;
}

/** All threads of a group read a strip; `store` writes where `x` goes, of row `r` or column `c`, and depth `d`. */
export function writeStrip(
  w: ModuleWriter,
  sides: Sides,
  side: 'left' | 'right',
  { count, depth, along, threads }: Strip,
  store: () => void,
): void {
  const [short, long, end] = side === 'left' ? ['r', 'row', sides.rows] : ['c', 'column', sides.columns];
  w.block(`for (var t = thread; t < ${count * depth}u; t += ${threads}u)`, () => {
    // Neighbouring threads read neighbouring elements.
    w.line(along ? `let ${short} = t / ${depth}u;` : `let ${short} = t % ${count}u;`);
    w.line(along ? `let d = t % ${depth}u;` : `let d = t / ${count}u;`);
    w.line(`let ${long} = first_${long} + ${short};`);
    w.line('let k = k0 + d;');
    w.line('var x = 0.0;');
    const element = side === 'left' ? sides.left('row', 'k') : sides.right('k', 'column');
    w.line(`if (${long} < ${end} && k < ${sides.depth}) { x = ${element}; }`);
    store();
  });
}
