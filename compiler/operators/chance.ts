/** Numbers drawn by counters: nothing is remembered, so every device, and every part of a cut, draws the same. */

import { sizeOf } from '../../spec/program.ts';
import { normalAt } from '../../spec/random.ts';
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
    shape: ([element, row, key]) => broadcastShapes(broadcastShapes(element ?? [], row ?? []), key ?? []),
    reference: (args, _, shape) => {
      const [element, row, key] = args.map((t) => broadcastData(t, shape)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      return element.map((e, i) => normalAt(e, row[i] as number, key[i] as number));
    },
    derivative: () => [null, null, null],
    flops: (_, shape) => 100 * sizeOf(shape),
  },
} satisfies Record<string, Operator>;
