/** Operators that move elements, and those about positions: which element of an argument each element is. */
import { sizeOf } from '../../../spec/program.ts';
import { permutationOf } from '../../operators/layout.ts';
import { axisOf } from '../../operators/reduction.ts';
import type { FlatOp } from './flat.ts';
import { coordinates, linear, times, within } from './linear-places.ts';
import type { Place, WgslLowering } from './lowering.ts';

const shapeOf = (op: FlatOp, argument: number): readonly number[] => op.uses[argument]?.shape ?? [];

function transpose({ w, op, at, load }: Place): string {
  const from = shapeOf(op, 0);
  const order = permutationOf(op.attributes, from.length);
  const places = coordinates(w, at, op.shape);
  const back: string[] = [];
  order.forEach((axis, i) => {
    back[axis] = places[i] ?? '0u';
  });
  return load(0, w.let('p', linear(w, back, from)));
}

/** Pieces of `size` elements repeat along an axis: the number of the piece, and the place within it. */
function pieces({ w, at }: Place, size: number): { piece: string; inside: string } {
  return { piece: w.let('g', within(w, at, size)), inside: w.let('i', `${at} % ${w.size(size)}`) };
}

function innerOf(op: FlatOp, axis: number): number {
  return sizeOf(op.shape.slice(axis + 1));
}

function slice(place: Place): string {
  const { w, op, load } = place;
  const axis = axisOf(op.attributes, op.shape.length);
  const inner = innerOf(op, axis);
  const period = (shapeOf(op, 0)[axis] ?? 1) * inner;
  const { piece, inside } = pieces(place, (op.shape[axis] ?? 1) * inner);
  const begin = (op.attributes.from as number) * inner;
  return load(0, w.let('p', `${times(w, piece, period)} + ${w.size(begin)} + ${inside}`));
}

function pad(place: Place): string {
  const { w, op, load } = place;
  const axis = axisOf(op.attributes, op.shape.length);
  const inner = innerOf(op, axis);
  const size = (shapeOf(op, 0)[axis] ?? 1) * inner;
  const before = (op.attributes.before as number) * inner;
  const { piece, inside } = pieces(place, (op.shape[axis] ?? 1) * inner);
  const value = w.name('value');
  w.line(`var ${value} = 0.0;`);
  w.block(`if (${inside} >= ${w.size(before)} && ${inside} - ${w.size(before)} < ${w.size(size)})`, () => {
    w.line(`${value} = ${load(0, w.let('p', `${times(w, piece, size)} + ${inside} - ${w.size(before)}`))};`);
  });
  return value;
}

function concatenate(place: Place): string {
  const { w, op, load } = place;
  const axis = axisOf(op.attributes, op.shape.length);
  const inner = innerOf(op, axis);
  const { piece, inside } = pieces(place, (op.shape[axis] ?? 1) * inner);
  const value = w.name('value');
  w.line(`var ${value} = 0.0;`);
  let begin = 0;
  op.uses.forEach(({ shape }, i) => {
    const size = (shape[axis] ?? 1) * inner;
    const from = begin;
    begin += size;
    w.block(`if (${inside} >= ${w.size(from)} && ${inside} - ${w.size(from)} < ${w.size(size)})`, () => {
      w.line(`${value} = ${load(i, w.let('p', `${times(w, piece, size)} + ${inside} - ${w.size(from)}`))};`);
    });
  });
  return value;
}

function embed({ w, op, at, load }: Place): string {
  const [rows = 1, width = 1] = shapeOf(op, 0);
  const row = w.let('row', `floor(${load(1, w.let('p', within(w, at, width)))})`);
  const value = w.name('value');
  w.line(`var ${value} = 0.0;`);
  w.block(`if (${row} >= 0.0 && ${row} < f32(${w.size(rows)}))`, () => {
    w.line(`${value} = ${load(0, w.let('p', `u32(${row}) * ${w.size(width)} + ${at} % ${w.size(width)}`))};`);
  });
  return value;
}

const embedGradient: WgslLowering = {
  kind: 'reduction',
  claims: false,
  plan: (op) => {
    const width = op.shape[1] ?? 1;
    return {
      combine: 'sum',
      count: sizeOf(shapeOf(op, 0)),
      byColumns: true,
      term: ({ w, at, load }, r) => {
        const value = w.name('value');
        w.line(`var ${value} = 0.0;`);
        w.block(`if (floor(${load(0, r)}) == f32(${w.let('row', within(w, at, width))}))`, () => {
          w.line(`${value} = ${load(1, w.let('p', `${r} * ${w.size(width)} + ${at} % ${w.size(width)}`))};`);
        });
        return value;
      },
    };
  },
};

function oneHot({ w, op, at, load }: Place): string {
  const depth = op.attributes.depth as number;
  const named = load(0, w.let('p', within(w, at, depth)));
  return `select(0.0, 1.0, floor(${named}) == f32(${at} % ${w.size(depth)}))`;
}

export const moveLowerings = {
  matmul: { kind: 'product' },
  transpose: { kind: 'gather', claims: true, write: transpose },
  reshape: { kind: 'view' },
  broadcast: { kind: 'view' },
  slice: { kind: 'gather', claims: true, write: slice },
  pad: { kind: 'gather', claims: true, write: pad },
  concatenate: { kind: 'gather', claims: true, write: concatenate },
  one_hot: { kind: 'gather', claims: false, write: oneHot },
  rows: { kind: 'gather', claims: false, write: ({ at }) => `f32(${at})` },
  range: { kind: 'gather', claims: false, write: ({ at }) => `f32(${at})` },
  embed: { kind: 'gather', claims: false, write: embed },
  embed_gradient: embedGradient,
} satisfies Record<string, WgslLowering>;
