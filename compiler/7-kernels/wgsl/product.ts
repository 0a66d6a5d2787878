/**
 * The product of matrices, in tiles: a group of threads loads a strip of both sides into its own memory and each thread
 * works out a block of the result in registers. Every sum runs over k from first to last, so the bits do not depend on
 * anything but the tile.
 */
import { type Shape, sizeOf } from '../../../spec/program.ts';
import { matrixShapes } from '../../operators/layout.ts';
import type { FlatOp } from './flat.ts';
import { type ModuleWriter, repeatedPlace, times } from './writer.ts';

export interface Tile {
  /** Threads down and across. */
  readonly threads: readonly [number, number];
  /** Rows of the result that a thread works out; its columns are always four. */
  readonly rows: number;
  /** Columns of the left side in one strip. */
  readonly depth: number;
}

const COLUMNS = 4;
export const tileRows = (t: Tile): number => t.threads[0] * t.rows;
export const tileColumns = (t: Tile): number => t.threads[1] * COLUMNS;

/** From the smallest to the largest, with the default for a result of each size. */
export const TILES = {
  small: { threads: [8, 4], rows: 2, depth: 8 },
  middle: { threads: [8, 8], rows: 4, depth: 16 },
  large: { threads: [16, 16], rows: 4, depth: 16 },
} as const satisfies Record<string, Tile>;

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

export function defaultTile({ m, n }: Matrices): Tile {
  if (m >= 64 && n >= 64 && m * n >= 128 * 128) return TILES.large;
  return m > 16 && n > 16 ? TILES.middle : TILES.small;
}

/** Groups across, down, and one for each page. */
export function productGroups({ m, n, batch }: Matrices, tile: Tile): [number, number, number] {
  return [Math.ceil(n / tileColumns(tile)), Math.ceil(m / tileRows(tile)), sizeOf(batch)];
}

/** Writes `main`; `finish(at, sum)` is called for every element of the result. */
export function writeProduct(w: ModuleWriter, op: FlatOp, tile: Tile): void {
  const { m, n, k, batch, left, right, ta, tb } = matricesOf(op);
  const [leftUse, rightUse] = op.uses;
  if (!leftUse || !rightUse) throw new Error('a product has two sides');
  const names = { left: w.bind(leftUse.base, 'left', 'read'), right: w.bind(rightUse.base, 'right', 'read') };
  const [rows, columns] = [tileRows(tile), tileColumns(tile)];
  const threads = tile.threads[0] * tile.threads[1];
  const [N, M, K] = [w.named('columns', n), w.named('rows', m), w.named('depth', k)];
  w.line(`var<workgroup> left_tile: array<f32, ${rows * tile.depth}>;`);
  w.line(`var<workgroup> right_tile: array<vec4f, ${(columns / 4) * tile.depth}>;`);
  w.line(`@compute @workgroup_size(${tile.threads[1]}, ${tile.threads[0]})`);
  const head =
    'fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) thread: u32)';
  w.block(head, () => {
    const paged = batch.length > 0;
    if (paged) w.line('let page = group.z;');
    /** Where a side's page begins. */
    const start = (from: Shape, size: number, name: string): string => {
      if (!paged) return '';
      w.line(`let ${name} = ${times(w, repeatedPlace(w, 'page', from.slice(0, -2), batch), size)};`);
      return `${name} + `;
    };
    const leftPage = start(left, m * k, 'left_page');
    const rightPage = start(right, k * n, 'right_page');
    w.line(`let first_row = group.y * ${rows}u;`);
    w.line(`let first_column = group.x * ${columns}u;`);
    for (let r = 0; r < tile.rows; r++) w.line(`var sum${r} = vec4f();`);
    w.block(`for (var k0 = 0u; k0 < ${K}; k0 += ${tile.depth}u)`, () => {
      w.block(`for (var t = thread; t < ${rows * tile.depth}u; t += ${threads}u)`, () => {
        // Neighbouring threads read neighbouring elements.
        w.line(ta ? `let r = t % ${rows}u;` : `let r = t / ${tile.depth}u;`);
        w.line(ta ? `let d = t / ${rows}u;` : `let d = t % ${tile.depth}u;`);
        w.line('let row = first_row + r;');
        w.line('let k = k0 + d;');
        w.line('var x = 0.0;');
        const place = ta ? `k * ${M} + row` : `row * ${K} + k`;
        w.line(`if (row < ${M} && k < ${K}) { x = ${names.left}[${leftPage}${place}]; }`);
        w.line(`left_tile[d * ${rows}u + r] = x;`);
      });
      w.block(`for (var t = thread; t < ${(columns / 4) * tile.depth}u; t += ${threads}u)`, () => {
        w.line(tb ? `let c = t / ${tile.depth}u;` : `let c = t % ${columns / 4}u;`);
        w.line(tb ? `let d = t % ${tile.depth}u;` : `let d = t / ${columns / 4}u;`);
        w.line('let column = first_column + c * 4u;');
        w.line('let k = k0 + d;');
        w.line('var x = vec4f();');
        for (let i = 0; i < COLUMNS; i++) {
          const place = tb ? `(column + ${i}u) * ${K} + k` : `k * ${N} + column + ${i}u`;
          w.line(`if (column + ${i}u < ${N} && k < ${K}) { x[${i}] = ${names.right}[${rightPage}${place}]; }`);
        }
        w.line(`right_tile[d * ${columns / 4}u + c] = x;`);
      });
      w.line('workgroupBarrier();');
      w.block(`for (var d = 0u; d < ${tile.depth}u; d++)`, () => {
        w.line(`let y = right_tile[d * ${columns / 4}u + lane.x];`);
        for (let r = 0; r < tile.rows; r++)
          w.line(`sum${r} += left_tile[d * ${rows}u + lane.y * ${tile.rows}u + ${r}u] * y;`);
      });
      w.line('workgroupBarrier();');
    });
    w.line(`let column = first_column + lane.x * 4u;`);
    for (let r = 0; r < tile.rows; r++) {
      const row = w.name('row');
      w.line(`let ${row} = first_row + lane.y * ${tile.rows}u + ${r}u;`);
      w.block(`if (${row} < ${M})`, () => {
        w.line(`let at = ${paged ? `(page * ${M} + ${row})` : row} * ${N} + column;`);
        for (let i = 0; i < COLUMNS; i++) w.line(`if (column + ${i}u < ${N}) { finish(at + ${i}u, sum${r}[${i}]); }`);
      });
    }
  });
}
