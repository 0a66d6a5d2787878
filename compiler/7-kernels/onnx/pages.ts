/** Pages of tensors, picked and added up, as ONNX nodes. */
import { sizeOf } from '../../../spec/program.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Lowering } from './lowering.ts';

/** Up to this many entries a table of who goes where is the quickest way to add up: one product of two matrices. */
const MAX_TABLE_ENTRIES = 1 << 16;

const pages: Lowering = (op, e) => {
  const index = op.attributes.index as readonly number[];
  const first = index[0] as number;
  const x = op.args[0] as string;
  if (index.every((page, i) => page === first + i)) {
    const ends = [first, first + index.length].map((n) => e.integers([n]));
    e.node('Slice', [x, ...ends, e.integers([0])], {}, op.id);
  } else e.node('Gather', [x, e.integers(index)], { axis: 0 }, op.id);
};

const pagesSum: Lowering = (op, e) => {
  const index = op.attributes.index as readonly number[];
  const count = op.shape[0] as number;
  const x = op.args[0] as string;
  const rest = op.shape.slice(1);
  const each = index.length / count;
  const inOrder = Number.isInteger(each) && index.every((page, i) => page === Math.floor(i / each));
  if (inOrder) {
    const grouped = e.node('Reshape', [x, e.integers([count, each, ...rest])]);
    e.node('ReduceSum', [grouped, e.integers([1])], { keepdims: 0 }, op.id);
  } else if (index.length * count <= MAX_TABLE_ENTRIES) byTable(op.id, x, index, op.shape, e);
  else {
    const zeros = e.node('Expand', [e.number(0), e.integers(op.shape)]);
    const places = e.node('Reshape', [e.integers(index), e.integers([index.length, 1])]);
    e.node('ScatterND', [zeros, places, x], { reduction: 'add' }, op.id);
  }
};

function byTable(id: string, x: string, index: readonly number[], shape: readonly number[], e: OnnxEmitter): void {
  const count = shape[0] as number;
  const table = new Float32Array(count * index.length);
  index.forEach((page, i) => {
    table[page * index.length + i] = 1;
  });
  const flat = e.node('Reshape', [x, e.integers([index.length, sizeOf(shape.slice(1))])]);
  const wide = e.node('MatMul', [e.table(`p:${count}:${index.join(',')}`, [count, index.length], table), flat]);
  e.node('Reshape', [wide, e.integers(shape)], {}, id);
}

export const pageLowerings = { pages, pages_sum: pagesSum } satisfies Record<string, Lowering>;
