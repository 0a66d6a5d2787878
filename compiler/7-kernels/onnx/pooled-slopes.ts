/**
 * Slopes of activations behind which a picture is pooled: an error passes only where a window has its largest, so the
 * slope is worked out once for each window, of what the activation read there, and not at each of its places.
 */
import { type Op, type Shape, sameShape } from '../../../spec/program.ts';
import { poolingOf } from '../../operators/pooling.ts';
import { pictureOf } from '../../operators/window.ts';
import { areSideBySide } from './pictures.ts';
import { bothOrders, Uses } from './uses.ts';

/** gradient of the pooling ∘ slope of the activation */
export interface PooledSlope {
  readonly gradient: Op;
  readonly slope: Op;
}

/**
 * @param kept values that something outside reads
 * @returns by the names of the products of both, which are all that reads them
 */
export function pooledSlopes(
  ops: readonly Op[],
  kept: ReadonlySet<string>,
  shapeOf: (id: string) => Shape,
): ReadonlyMap<string, PooledSlope> {
  const uses = new Uses(ops, kept);
  const found = new Map<string, PooledSlope>();
  for (const op of ops) {
    if (op.op !== 'mul') continue;
    for (const [left, right] of bothOrders(op)) {
      const gradient = uses.own(left, 'max_pool2d_gradient');
      const slope = uses.own(right, 'gelu_slope');
      if (gradient && slope && sameShape(gradient.shape, slope.shape) && isExact(gradient, shapeOf))
        found.set(op.id, { gradient, slope });
    }
  }
  return found;
}

/** Windows side by side, of so many places that a mean of one number and zeros loses nothing. */
function isExact({ args, attributes }: Op, shapeOf: (id: string) => Shape): boolean {
  const [x = '', g = ''] = args;
  const { x: picture, windows } = poolingOf(shapeOf(x), attributes);
  const places = windows.kernel[0] * windows.kernel[1];
  return Number.isInteger(Math.log2(places)) && areSideBySide(picture, pictureOf(shapeOf(g)), windows);
}
