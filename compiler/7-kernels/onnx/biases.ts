/**
 * Biases that convolutions add themselves, channel by channel, while they write their results: a node of its own goes over
 * the whole picture once more.
 */
import { type Op, type Shape, sameShape } from '../../../spec/program.ts';
import { bothOrders, Uses } from './uses.ts';

export interface BiasedConvolution {
  readonly convolution: Op;
  readonly bias: string;
}

/**
 * @param kept values that something outside reads
 * @returns convolutions by the names of the sums that they end with
 */
export function biasedConvolutions(
  ops: readonly Op[],
  kept: ReadonlySet<string>,
  shapeOf: (id: string) => Shape,
): ReadonlyMap<string, BiasedConvolution> {
  const uses = new Uses(ops, kept);
  const found = new Map<string, BiasedConvolution>();
  for (const op of ops) {
    if (op.op !== 'add') continue;
    for (const [made, bias] of bothOrders(op)) {
      const convolution = uses.own(made, 'conv2d');
      if (convolution && sameShape(convolution.shape, op.shape) && isOfChannels(shapeOf(bias), op.shape))
        found.set(op.id, { convolution, bias });
    }
  }
  return found;
}

const isOfChannels = (bias: Shape, picture: Shape): boolean => bias.length === 1 && bias[0] === picture.at(-1);
