/**
 * The sums of a softmax's gradient in attention. With P the softmax, O = P V, and G the gradient of O, each row of
 * P ∘ (G Vᵀ) has the sum of the same row of G ∘ O (Dao et al. 2022, appendix B.2): a row of G is as wide as a head, one
 * of P as long as the text.
 */
import type { Op } from '../../../spec/program.ts';
import { axesOf } from '../../operators/reduction.ts';
import { bothOrders, Uses } from './uses.ts';

/**
 * @param kept values that something outside reads
 * @returns operations that give the same values but for rounding
 */
export function withNarrowSums(ops: readonly Op[], kept: ReadonlySet<string>): readonly Op[] {
  const uses = new Uses(ops, kept);
  /** Products P V so far, by both their sides. */
  const products = new Map<string, Op>();
  const gone = new Set<string>();
  const narrow = new Map<string, Op>();
  for (const op of ops) {
    if (op.op === 'matmul' && isPlain(op, false)) products.set(op.args.join(' '), op);
    const product = isOverRows(op) ? uses.own(op.args[0], 'mul') : undefined;
    const found = product && narrowProduct(product, uses, products);
    if (!product || !found) continue;
    gone.add(product.id);
    narrow.set(op.id, { ...product, args: found.sides, shape: found.shape });
  }
  if (gone.size === 0) return ops;
  return ops.flatMap((op): Op[] => {
    const before = narrow.get(op.id);
    return gone.has(op.id) ? [] : before ? [before, op] : [op];
  });
}

const isPlain = ({ attributes }: Op, tb: boolean): boolean => attributes.ta !== true && (attributes.tb === true) === tb;

function isOverRows({ op, attributes, shape }: Op): boolean {
  if (op !== 'sum' || attributes.keep !== true) return false;
  const axes = axesOf(attributes, shape.length);
  return axes.length === 1 && axes[0] === shape.length - 1;
}

/** G and O of (G Vᵀ) ∘ P, where O = P V is there and narrower. */
function narrowProduct(
  product: Op,
  uses: Uses,
  products: ReadonlyMap<string, Op>,
): { readonly sides: readonly string[]; readonly shape: Op['shape'] } | undefined {
  for (const [back, weights] of bothOrders(product)) {
    const gradient = uses.definition(back, 'matmul');
    if (!gradient || !isPlain(gradient, true)) continue;
    const [given = '', values = ''] = gradient.args;
    const made = products.get(`${weights} ${values}`);
    const width = made?.shape.at(-1);
    if (made && width !== undefined && width < (product.shape.at(-1) ?? 0))
      return { sides: [given, made.id], shape: made.shape };
  }
  return undefined;
}
