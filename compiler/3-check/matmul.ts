/** Products of vectors and matrices in terms of the operator `matmul`, which knows only matrices. */
import type { Span } from '../diagnostics/diagnostic.ts';
import { type Attributes, apply, type Expr } from '../operators/expr.ts';
import { applyOperator } from './arithmetic.ts';
import type { Environment } from './environment.ts';
import { isKind, POISON, type Term, tensor } from './term.ts';

/** [k]·[k,n] = [n], [n,k]·[k] = [n], [k]·[k] = a scalar; a transposed argument becomes an attribute. */
export function multiply(args: readonly Expr[], environment: Environment, span: Span): Term {
  const [a, b] = args;
  if (a === undefined || b === undefined) return POISON;
  if (a.shape.length === 1 && b.shape.length === 1) {
    const product = applyOperator('mul', [a, b], environment, span);
    return isKind(product, 'tensor')
      ? applyOperator('sum', [product.expr], environment, span, { axes: [-1] })
      : product;
  }
  if (a.shape.length === 1) return vectorTimes(a, untransposed(b), environment, span);
  if (b.shape.length === 1) {
    const left = untransposed(a);
    return vectorTimes(b, { expr: left.expr, transposed: !left.transposed }, environment, span);
  }
  const [left, right] = [untransposed(a), untransposed(b)];
  const attributes = { ...(left.transposed ? { ta: true } : {}), ...(right.transposed ? { tb: true } : {}) };
  return applyOperator('matmul', [left.expr, right.expr], environment, span, attributes);
}

interface Matrix {
  readonly expr: Expr;
  readonly transposed: boolean;
}

function untransposed(expr: Expr): Matrix {
  const [inner] = expr.kind === 'apply' ? expr.args : [];
  if (expr.kind === 'apply' && expr.op === 'transpose' && inner && expr.attributes.order === undefined)
    return { expr: inner, transposed: true };
  return { expr, transposed: false };
}

/** The vector as a matrix of one row, and the row of the product as a vector again. */
function vectorTimes(vector: Expr, matrix: Matrix, environment: Environment, span: Span): Term {
  const row = apply('reshape', [vector], { shape: [1, ...vector.shape] });
  const attributes: Attributes = matrix.transposed ? { tb: true } : {};
  const product = applyOperator('matmul', [row, matrix.expr], environment, span, attributes);
  if (!isKind(product, 'tensor')) return product;
  const shape = [...product.expr.shape.slice(0, -2), product.expr.shape[product.expr.shape.length - 1] ?? 1];
  return tensor(apply('reshape', [product.expr], { shape }));
}
