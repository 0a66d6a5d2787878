/**
 * The sums of a softmax's gradient in attention. With P the softmax, O = P V, and G the gradient of O, each row of
 * P ∘ (G Vᵀ) has the sum of the same row of G ∘ O (Dao et al. 2022, appendix B.2): a row of G is as wide as a head, one
 * of P as long as the text. What the gradient then is, G Vᵀ less that sum D, is one product, [G D] [V -1]ᵀ, instead of
 * another pass over what is as large as P.
 */
import type { Op, Shape } from '../../../spec/program.ts';
import { axesOf } from '../../operators/reduction.ts';
import { bothOrders, Uses } from './uses.ts';

/** G Vᵀ, and O, which is narrower than P. */
interface Found {
  readonly back: Op;
  readonly made: Op;
  /** How G, V and O lie: a column for each token, [width, tokens], or a row. */
  readonly columns: boolean;
}

/**
 * @param kept values that something outside reads
 * @returns operations that give the same values but for rounding
 */
export function withNarrowSums(ops: readonly Op[], kept: ReadonlySet<string>): readonly Op[] {
  const uses = new Uses(ops, kept);
  /** Products P V, or V Pᵀ, so far, by the side of P and that of V. */
  const products = new Map<string, Op>();
  const gone = new Set<string>();
  const instead = new Map<string, readonly Op[]>();
  for (const op of ops) {
    const [left = '', right = ''] = op.args;
    if (isProduct(op, false, false)) products.set(`${left} ${right}`, op);
    if (isProduct(op, false, true)) products.set(`${right} ${left} columns`, op);
    const product = isOverRows(op) ? uses.own(op.args[0], 'mul') : undefined;
    const found = product && findIn(product, uses, products);
    if (!product || !found) continue;
    gone.add(product.id);
    const less = differenceOf(op, found.back, product, uses);
    if (!less) {
      instead.set(op.id, narrowSum(op, found));
      continue;
    }
    gone.add(found.back.id).add(op.id);
    const sum = { ...op, id: `${op.id}.narrow` };
    instead.set(less.id, [...narrowSum(sum, found, true), ...widened(less, sum.id, found)]);
  }
  return ops.flatMap((op): readonly Op[] => instead.get(op.id) ?? (gone.has(op.id) ? [] : [op]));
}

const isProduct = ({ op, attributes }: Op, ta: boolean, tb: boolean): boolean =>
  op === 'matmul' && (attributes.ta === true) === ta && (attributes.tb === true) === tb;

function isOverRows({ op, attributes, shape }: Op): boolean {
  if (op !== 'sum' || attributes.keep !== true) return false;
  const axes = axesOf(attributes, shape.length);
  return axes.length === 1 && axes[0] === shape.length - 1;
}

/** @param product (G Vᵀ) ∘ P */
function findIn(product: Op, uses: Uses, products: ReadonlyMap<string, Op>): Found | undefined {
  for (const [id, weights] of bothOrders(product)) {
    const back = uses.definition(id, 'matmul');
    const columns = back !== undefined && isProduct(back, true, false);
    if (!back || !(columns || isProduct(back, false, true))) continue;
    const made = products.get(`${weights} ${back.args[1]}${columns ? ' columns' : ''}`);
    const width = made?.shape.at(columns ? -2 : -1);
    if (made && width !== undefined && width < (product.shape.at(-1) ?? 0)) return { back, made, columns };
  }
  return undefined;
}

/** `back` - `sum`, where nothing else reads either. */
function differenceOf(sum: Op, back: Op, product: Op, uses: Uses): Op | undefined {
  const [less] = uses.isOwn(sum.id) ? uses.users(sum.id) : [];
  const isDifference = less?.op === 'sub' && less.args[0] === back.id && less.args[1] === sum.id;
  const readers = uses.users(back.id);
  const isOwn = !uses.isKept(back.id) && readers.length === 2 && readers.every((op) => op === product || op === less);
  return isDifference && isOwn ? less : undefined;
}

/** The sums of G ∘ O over the width. @param lying as G lies: else as a column for each row of P */
function narrowSum(sum: Op, { back, made, columns }: Found, lying = false): Op[] {
  const each: Op = { ...made, id: `${sum.id}.each`, op: 'mul', args: [back.args[0] ?? '', made.id], attributes: {} };
  const rank = made.shape.length;
  const axis = rank - (columns ? 2 : 1);
  const whole = {
    ...sum,
    args: [each.id],
    attributes: { axes: [axis], keep: true },
    shape: withSize(made.shape, axis, 1),
  };
  if (!columns || lying) return [each, whole];
  const row = { ...whole, id: `${sum.id}.row` };
  return [each, row, { ...sum, op: 'reshape', args: [row.id], attributes: { shape: sum.shape } }];
}

/** [G D] [V -1]ᵀ under the name of the difference. @param sum D, which lies as G does */
function widened(less: Op, sum: string, { back, made, columns }: Found): Op[] {
  const [given = '', values = ''] = back.args;
  const axis = made.shape.length - (columns ? 2 : 1);
  const wider = withSize(made.shape, axis, (made.shape[axis] ?? 0) + 1);
  const one = (id: string, op: string, args: string[], attributes: Op['attributes'], shape: Shape): Op => ({
    ...{ id: `${less.id}.${id}`, op, args, attributes, shape },
  });
  const minus = one('minus', 'constant', [], { value: -1 }, []);
  const shape = withSize(made.shape, axis, 1);
  const last = one('last', 'broadcast', [minus.id], { shape }, shape);
  const left = one('left', 'concatenate', [given, sum], { axis }, wider);
  const right = one('right', 'concatenate', [values, last.id], { axis }, wider);
  return [minus, last, left, right, { ...back, id: less.id, args: [left.id, right.id], shape: less.shape }];
}

const withSize = (shape: Shape, axis: number, size: number): Shape => shape.map((n, i) => (i === axis ? size : n));
