/**
 * Products with what stands around them. ONNX's Gemm computes alpha·op(A)·op(B) + beta·C in one node: a prediction with
 * its bias, an error z - W f, a weight step W + alpha eᵀf and the Gram correction are one node each. On the CPU an
 * element-wise node costs as much as a third of the product itself.
 */
import type { Op, Shape } from '../../../spec/program.ts';

export interface Gemm {
  readonly a: string;
  readonly b: string;
  readonly ta: boolean;
  readonly tb: boolean;
  readonly alpha: number;
  readonly c?: string;
  readonly beta: number;
}

export interface FusedProducts {
  /** By the operation that the Gemm ends with. */
  readonly gemms: ReadonlyMap<string, Gemm>;
  /** Operations that have become part of a Gemm behind them. */
  readonly absorbed: ReadonlySet<string>;
}

interface Context {
  readonly gemms: Map<string, Gemm>;
  readonly absorbed: Set<string>;
  readonly uses: ReadonlyMap<string, number>;
  readonly uniform: (id: string) => number | undefined;
  readonly shapeOf: (id: string) => Shape;
}

export function fuseProducts(
  ops: readonly Op[],
  kept: Iterable<string>,
  uniform: (id: string) => number | undefined,
  shapeOf: (id: string) => Shape,
): FusedProducts {
  const uses = new Map<string, number>();
  const use = (id: string): void => {
    uses.set(id, (uses.get(id) ?? 0) + 1);
  };
  for (const op of ops) op.args.forEach(use);
  for (const id of kept) use(id);
  const context: Context = { gemms: new Map(), absorbed: new Set(), uses, uniform, shapeOf };
  for (const op of ops) {
    const gemm = fuse(op, context);
    if (gemm) context.gemms.set(op.id, gemm);
  }
  for (const id of context.absorbed) context.gemms.delete(id);
  return context;
}

function fuse(op: Op, context: Context): Gemm | undefined {
  const [a, b] = op.args as [string, string];
  switch (op.op) {
    case 'matmul': {
      const flat = context.shapeOf(a).length === 2 && context.shapeOf(b).length === 2;
      return flat
        ? { a, b, ta: op.attributes.ta === true, tb: op.attributes.tb === true, alpha: 1, beta: 0 }
        : undefined;
    }
    case 'mul':
      return scale(a, b, context) ?? scale(b, a, context);
    case 'add':
      return accumulate(op, a, b, 1, 1, context) ?? accumulate(op, b, a, 1, 1, context);
    case 'sub':
      return accumulate(op, b, a, -1, 1, context) ?? accumulate(op, a, b, 1, -1, context);
    default:
      return undefined;
  }
}

/** The product that nothing but this operation reads. */
function onlyProduct(id: string, context: Context): Gemm | undefined {
  return context.uses.get(id) === 1 ? context.gemms.get(id) : undefined;
}

function scale(product: string, factor: string, context: Context): Gemm | undefined {
  const gemm = onlyProduct(product, context);
  const by = context.uniform(factor);
  if (!gemm || by === undefined) return undefined;
  context.absorbed.add(product);
  return { ...gemm, alpha: gemm.alpha * by, beta: gemm.beta * by };
}

function accumulate(
  op: Op,
  product: string,
  other: string,
  sign: number,
  beta: number,
  context: Context,
): Gemm | undefined {
  const gemm = onlyProduct(product, context);
  if (!gemm || gemm.c !== undefined || context.uniform(other) !== undefined) return undefined;
  if (!addsUp(context.shapeOf(product), context.shapeOf(other), op.shape)) return undefined;
  context.absorbed.add(product);
  return { ...gemm, alpha: gemm.alpha * sign, c: other, beta };
}

/** Gemm repeats C over rows, never the product. */
function addsUp(product: Shape, other: Shape, result: Shape): boolean {
  if (product.length !== 2 || product.some((n, i) => n !== result[i]) || result.length !== 2) return false;
  const [rows, columns] = other.length === 1 ? [1, other[0]] : other.length === 2 ? other : [0, 0];
  return columns === result[1] && (rows === 1 || rows === result[0]);
}
