/**
 * The product of matrices, in tiles: a group of threads loads a strip of both sides into its own memory and each thread
 * works out a block of the result in registers. Every sum runs over k from first to last, whatever the tile.
 */
import { type Shape, sizeOf } from '../../../spec/program.ts';
import { TILES, type Tile, type TileChoice } from '../../../spec/tiles.ts';
import { matrixShapes } from '../../operators/layout.ts';
import type { FlatOp } from './flat.ts';
import { repeatedPlace, times } from './linear-places.ts';
import type { ModuleWriter } from './writer.ts';

const COLUMNS = 4;
export const tileRows = (t: Tile): number => t.threads[0] * t.rows;
export const tileColumns = (t: Tile): number => t.threads[1] * COLUMNS;

/** Products of one launch have groups of as many threads, and share the memory of one tile. */
export const threadsOf = (t: Tile): number => t.threads[0] * t.threads[1];
/** Rows of the result that a part without tiles works out at once. */
export const partRows = (t: Tile): number => threadsOf(t) / PLAIN[0];

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

/** Nothing for narrow results: there each thread works out one element, straight from memory. */
export function tileFor({ m, n }: Matrices, tiles: TileChoice): Tile | undefined {
  if (m >= 64 && n >= 64 && m * n >= 128 * 128) return TILES[tiles.large];
  return m > 16 && n > 16 ? TILES[tiles.middle] : undefined;
}

/** Threads across and down where there are no tiles. */
const PLAIN = [16, 4] as const;

/** Groups across, down, and one for each page. @param plain rows of a group without tiles */
export function productGroups(
  { m, n, batch }: Matrices,
  tile: Tile | undefined,
  plain: number = PLAIN[1],
): [number, number, number] {
  const [across, down] = tile ? [tileColumns(tile), tileRows(tile)] : [PLAIN[0], plain];
  return [Math.ceil(n / across), Math.ceil(m / down), sizeOf(batch)];
}

/** Names that both forms of the product use. */
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
type Entry = 'main' | 'part';

/** Writes `main`, or `part`; `finish(at, sum)` is called for every element of the result. */
export function writeProduct(w: ModuleWriter, op: FlatOp, tile: Tile | undefined, entry: Entry = 'main'): void {
  const { sides, begin } = sidesOf(w, op);
  if (tile) writeTiled(w, op, tile, sides, begin, entry);
  else writePlain(w, sides, begin, entry);
}

const partHead = (w: ModuleWriter): string => `fn part${w.part}(group: vec3u, thread: u32)`;

function writePlain(w: ModuleWriter, sides: Sides, begin: (page: string) => void, entry: Entry): void {
  if (entry === 'main') w.line(`@compute @workgroup_size(${PLAIN[0]}, ${PLAIN[1]})`);
  const head = 'fn main(@builtin(workgroup_id) group: vec3u, @builtin(global_invocation_id) place: vec3u)';
  w.block(entry === 'main' ? head : partHead(w), () => {
    if (entry === 'part')
      w.line(
        `let place = vec2u(group.x * ${PLAIN[0]}u + thread % ${PLAIN[0]}u, group.y * ${PLAIN[0]}u + thread / ${PLAIN[0]}u);`,
      );
    begin('group.z');
    w.line('let column = place.x;');
    w.line('let row = place.y;');
    w.line(`if (row >= ${sides.rows} || column >= ${sides.columns}) { return; }`);
    writeSum(w, sides);
    w.line(`finish${w.part}(${sides.at('row', 'column')}, sum);`);
  });
}

/** `sum` of the terms of the result's element in `row` and `column`. */
export function writeSum(w: ModuleWriter, sides: Sides): void {
  w.line('var sum = 0.0;');
  w.block(`for (var k = 0u; k < ${sides.depth}; k++)`, () => {
    w.line(`sum += ${sides.left('row', 'k')} * ${sides.right('k', 'column')};`);
  });
}

function writeTiled(
  w: ModuleWriter,
  op: FlatOp,
  tile: Tile,
  sides: Sides,
  begin: (page: string) => void,
  entry: Entry,
): void {
  const { ta, tb } = matricesOf(op);
  const [rows, columns] = [tileRows(tile), tileColumns(tile)];
  const threads = threadsOf(tile);
  w.once(`var<workgroup> left_tile: array<f32, ${rows * tile.depth}>;`);
  w.once(`var<workgroup> right_tile: array<vec4f, ${(columns / 4) * tile.depth}>;`);
  if (entry === 'main') w.line(`@compute @workgroup_size(${tile.threads[1]}, ${tile.threads[0]})`);
  const head =
    'fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) thread: u32)';
  w.block(entry === 'main' ? head : partHead(w), () => {
    if (entry === 'part') w.line(`let lane = vec2u(thread % ${tile.threads[1]}u, thread / ${tile.threads[1]}u);`);
    begin('group.z');
    w.line(`let first_row = group.y * ${rows}u;`);
    w.line(`let first_column = group.x * ${columns}u;`);
    for (let r = 0; r < tile.rows; r++) w.line(`var sum${r} = vec4f();`);
    w.block(`for (var k0 = 0u; k0 < ${sides.depth}; k0 += ${tile.depth}u)`, () => {
      w.block(`for (var t = thread; t < ${rows * tile.depth}u; t += ${threads}u)`, () => {
        // Neighbouring threads read neighbouring elements.
        w.line(ta ? `let r = t % ${rows}u;` : `let r = t / ${tile.depth}u;`);
        w.line(ta ? `let d = t / ${rows}u;` : `let d = t % ${tile.depth}u;`);
        w.line('let row = first_row + r;');
        w.line('let k = k0 + d;');
        w.line('var x = 0.0;');
        w.line(`if (row < ${sides.rows} && k < ${sides.depth}) { x = ${sides.left('row', 'k')}; }`);
        w.line(`left_tile[d * ${rows}u + r] = x;`);
      });
      w.block(`for (var t = thread; t < ${(columns / 4) * tile.depth}u; t += ${threads}u)`, () => {
        w.line(tb ? `let c = t / ${tile.depth}u;` : `let c = t % ${columns / 4}u;`);
        w.line(tb ? `let d = t % ${tile.depth}u;` : `let d = t / ${columns / 4}u;`);
        w.line('let column = first_column + c * 4u;');
        w.line('let k = k0 + d;');
        w.line('var x = vec4f();');
        for (let i = 0; i < COLUMNS; i++)
          w.line(
            `if (column + ${i}u < ${sides.columns} && k < ${sides.depth}) { x[${i}] = ${sides.right('k', `column + ${i}u`)}; }`,
          );
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
    w.line('let column = first_column + lane.x * 4u;');
    for (let r = 0; r < tile.rows; r++) {
      w.line(
        `finish_row${w.part}(${sides.paged ? 'page' : '0u'}, first_row + lane.y * ${tile.rows}u + ${r}u, column, sum${r});`,
      );
    }
  });
  w.block(`fn finish_row${w.part}(page: u32, row: u32, column: u32, sums: vec4f)`, () => {
    w.line(`if (row >= ${sides.rows}) { return; }`);
    w.line(`let at = ${sides.at('row', 'column')};`);
    // In a loop, so that what is done with an element stands in the kernel once for each row.
    w.block(`for (var i = 0u; i < ${COLUMNS}u; i++)`, () => {
      w.line(`if (column + i < ${sides.columns}) { finish${w.part}(at + i, sums[i]); }`);
    });
  });
}
