/** Numbers drawn by counters: nothing is remembered, so every device, and every part of a cut, draws the same. */

import { type Shape, sizeOf } from '../../spec/program.ts';
import { normalAt, uniformAt } from '../../spec/random.ts';
import { broadcastData, broadcastShapes } from './broadcast.ts';
import { type Operator, ShapeError } from './operator.ts';

/** Whole numbers up to here are exact in f32. */
export const MAX_COUNT = 2 ** 24;

export const chanceOperators = {
  /** 0, 1, … along the axis of samples: which row of the batch each is. */
  rows: {
    arity: 0,
    attributes: { shape: 'one axis, of so many samples' },
    elementwise: false,
    internal: true,
    shape: (_, { shape }) => {
      if (Array.isArray(shape) && shape.length === 1) return shape as readonly number[];
      throw new ShapeError('`rows` has one axis');
    },
    reference: (_args, _a, shape) => Float64Array.from({ length: sizeOf(shape) }, (_, i) => i),
    derivative: () => [],
    flops: () => 0,
  },
  /** noise(element, row, key): a draw from N(0, 1), a function of these three whole numbers below 2^24 (equation 14f). */
  noise: {
    arity: 3,
    attributes: {},
    elementwise: true,
    internal: true,
    shape: together,
    reference: drawing(normalAt),
    derivative: () => [null, null, null],
    flops: (_, shape) => 100 * sizeOf(shape),
  },
  /** chance(element, row, key): a draw from [0, 1), a function of the same three, with the same bits everywhere (equation 14g). */
  chance: {
    arity: 3,
    attributes: {},
    elementwise: true,
    internal: true,
    shape: together,
    reference: drawing(uniformAt),
    derivative: () => [null, null, null],
    flops: (_, shape) => 80 * sizeOf(shape),
  },
} satisfies Record<string, Operator>;

function together([element, row, key]: readonly Shape[]): Shape {
  return broadcastShapes(broadcastShapes(element ?? [], row ?? []), key ?? []);
}

function drawing(at: (element: number, row: number, key: number) => number): Operator['reference'] {
  return (args, _, shape) => {
    const [element, row, key] = args.map((t) => broadcastData(t, shape)) as [Float64Array, Float64Array, Float64Array];
    return element.map((e, i) => at(e, row[i] as number, key[i] as number));
  };
}
