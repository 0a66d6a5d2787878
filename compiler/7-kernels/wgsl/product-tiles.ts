/**
 * A product in tiles: a group of threads loads a strip of both sides into its own memory, in f32 or rounded to f16, and
 * each thread works out a block of the result in registers, in f32.
 */
import type { FlatOp } from './flat.ts';
import { COLUMNS, columnsOf, rowsOf, type TileForm, threadsOf } from './product-forms.ts';
import { type Entry, matricesOf, partHead, type Sides, writeStrip } from './product-sides.ts';
import type { ModuleWriter } from './writer.ts';

type Conversion = (value: string) => string;

/** How numbers and vectors of f32 are put into a strip, and taken out of it. */
interface Strips {
  readonly vector: string;
  readonly put: Conversion;
  readonly putVector: Conversion;
  readonly take: Conversion;
  readonly takeVector: Conversion;
}

const asItIs: Conversion = (value) => value;
const within =
  (type: string): Conversion =>
  (value) =>
    `${type}(${value})`;

const STRIPS: Readonly<Record<TileForm['element'], Strips>> = {
  f32: { vector: 'vec4f', put: asItIs, putVector: asItIs, take: asItIs, takeVector: asItIs },
  // The product of two f16 has no more digits than f32: each term is exact.
  f16: {
    vector: 'vec4h',
    put: within('f16'),
    putVector: within('vec4h'),
    take: within('f32'),
    takeVector: within('vec4f'),
  },
};

export function writeTiled(
  w: ModuleWriter,
  op: FlatOp,
  form: TileForm,
  sides: Sides,
  begin: (page: string) => void,
  entry: Entry,
): void {
  const { ta, tb } = matricesOf(op);
  const { tile, element } = form;
  const [rows, columns, threads] = [rowsOf(form), columnsOf(form), threadsOf(form)];
  const { vector, put, putVector, take, takeVector } = STRIPS[element];
  if (element === 'f16') w.enable('f16');
  w.once(`var<workgroup> left_tile: array<${element}, ${rows * tile.depth}>;`);
  w.once(`var<workgroup> right_tile: array<${vector}, ${(columns / 4) * tile.depth}>;`);
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
      writeStrip(w, sides, 'left', { count: rows, depth: tile.depth, along: !ta, threads }, () => {
        w.line(`left_tile[d * ${rows}u + r] = ${put('x')};`);
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
        w.line(`right_tile[d * ${columns / 4}u + c] = ${putVector('x')};`);
      });
      w.line('workgroupBarrier();');
      w.block(`for (var d = 0u; d < ${tile.depth}u; d++)`, () => {
        w.line(`let y = ${takeVector(`right_tile[d * ${columns / 4}u + lane.x]`)};`);
        for (let r = 0; r < tile.rows; r++)
          w.line(`sum${r} += ${take(`left_tile[d * ${rows}u + lane.y * ${tile.rows}u + ${r}u]`)} * y;`);
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
