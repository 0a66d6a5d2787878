/**
 * A product by units for small matrices: a group of threads loads strips of both sides into its own memory in f16, each
 * of its subgroups multiplies a block of small matrices with sums in f32, and they go through memory to whatever is
 * done with an element. The language is Dawn's experimental subgroup matrices, with loads and stores that name their
 * order.
 */
import type { MatrixUnit } from '../../../spec/precision.ts';
import type { FlatOp } from './flat.ts';
import {
  columnsOf,
  groupOf,
  MATRIX_DEPTH,
  rowsOf,
  SUBGROUP,
  SUBGROUP_BLOCK,
  SUBGROUPS,
  threadsOf,
} from './product-forms.ts';
import { type Entry, matricesOf, partHead, type Sides, writeStrip } from './product-sides.ts';
import type { ModuleWriter } from './writer.ts';

const [DOWN, ACROSS] = SUBGROUPS;
const EXTENSIONS = ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'] as const;

export function writeMatrices(
  w: ModuleWriter,
  op: FlatOp,
  unit: MatrixUnit,
  sides: Sides,
  begin: (page: string) => void,
  entry: Entry,
): void {
  const { ta, tb } = matricesOf(op);
  const { m, n, k } = unit;
  const [rows, columns, threads] = [rowsOf(unit), columnsOf(unit), threadsOf(unit)];
  const blocks = { down: SUBGROUP_BLOCK / m, across: SUBGROUP_BLOCK / n };
  for (const name of EXTENSIONS) w.enable(name);
  if (unit.sized) w.enable('subgroup_size_control');
  w.once(`var<workgroup> left_strip: array<f16, ${rows * MATRIX_DEPTH}>;`);
  w.once(`var<workgroup> right_strip: array<f16, ${columns * MATRIX_DEPTH}>;`);
  w.once(`var<workgroup> block_sums: array<f32, ${DOWN * ACROSS * m * n}>;`);
  if (entry === 'main') w.line(groupOf(unit));
  const head = `fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32, ${SUBGROUP})`;
  w.block(entry === 'main' ? head : partHead(w, ', subgroup: u32'), () => {
    begin('group.z');
    w.line(`let first_row = group.y * ${rows}u;`);
    w.line(`let first_column = group.x * ${columns}u;`);
    w.line(`let block_row = subgroup / ${ACROSS}u * ${SUBGROUP_BLOCK}u;`);
    w.line(`let block_column = subgroup % ${ACROSS}u * ${SUBGROUP_BLOCK}u;`);
    w.line(`var sums: array<subgroup_matrix_result<f32, ${n}, ${m}>, ${blocks.down * blocks.across}>;`);
    w.block(`for (var k0 = 0u; k0 < ${sides.depth}; k0 += ${MATRIX_DEPTH}u)`, () => {
      writeStrip(w, sides, 'left', { count: rows, depth: MATRIX_DEPTH, along: !ta, threads }, () => {
        w.line(`left_strip[r * ${MATRIX_DEPTH}u + d] = f16(x);`);
      });
      writeStrip(w, sides, 'right', { count: columns, depth: MATRIX_DEPTH, along: tb, threads }, () => {
        w.line(`right_strip[d * ${columns}u + c] = f16(x);`);
      });
      w.line('workgroupBarrier();');
      w.block(`for (var d = 0u; d < ${MATRIX_DEPTH}u; d += ${k}u)`, () => {
        w.block(`for (var i = 0u; i < ${blocks.down}u; i++)`, () => {
          const left = `(block_row + i * ${m}u) * ${MATRIX_DEPTH}u + d`;
          w.line(`let left_block = ${loaded('left', [k, m], left, MATRIX_DEPTH)};`);
          w.block(`for (var j = 0u; j < ${blocks.across}u; j++)`, () => {
            const right = `d * ${columns}u + block_column + j * ${n}u`;
            w.line(`let right_block = ${loaded('right', [n, k], right, columns)};`);
            w.line(`let block = i * ${blocks.across}u + j;`);
            w.line('sums[block] = subgroupMatrixMultiplyAccumulate(left_block, right_block, sums[block]);');
          });
        });
      });
      w.line('workgroupBarrier();');
    });
    // One small matrix of each subgroup at a time. The language does not say which threads form a subgroup, so all
    // share all.
    w.block(`for (var block = 0u; block < ${blocks.down * blocks.across}u; block++)`, () => {
      w.line(`subgroupMatrixStore<row_major>(&block_sums, subgroup * ${m * n}u, sums[block], ${n}u);`);
      w.line('workgroupBarrier();');
      w.block(`for (var t = thread; t < ${DOWN * ACROSS * m * n}u; t += ${threads}u)`, () => {
        w.line(`let owner = t / ${m * n}u;`);
        w.line(
          `let row = first_row + owner / ${ACROSS}u * ${SUBGROUP_BLOCK}u + block / ${blocks.across}u * ${m}u + t % ${m * n}u / ${n}u;`,
        );
        w.line(
          `let column = first_column + owner % ${ACROSS}u * ${SUBGROUP_BLOCK}u + block % ${blocks.across}u * ${n}u + t % ${n}u;`,
        );
        w.line(`finish_one${w.part}(${sides.paged ? 'page' : '0u'}, row, column, block_sums[t]);`);
      });
      w.line('workgroupBarrier();');
    });
  });
  w.block(`fn finish_one${w.part}(page: u32, row: u32, column: u32, sum: f32)`, () => {
    w.line(
      `if (row < ${sides.rows} && column < ${sides.columns}) { finish${w.part}(${sides.at('row', 'column')}, sum); }`,
    );
  });
}

function loaded(
  side: 'left' | 'right',
  size: readonly [columns: number, rows: number],
  at: string,
  stride: number,
): string {
  return `subgroupMatrixLoad<subgroup_matrix_${side}<f16, ${size.join(', ')}>, row_major>(&${side}_strip, ${at}, ${stride}u)`;
}
