import type { OptimizerInstance } from '../../compiler/3-check/checked.ts';
import { apply, constant, type Expr, leaf } from '../../compiler/operators/expr.ts';

/** An optimiser whose step is long enough to become a vector kernel. */
export function adam(): OptimizerInstance {
  const [g, w, m, v] = ['gradient', 'weight', 'm', 'v'].map((name) => leaf(name, [], false)) as [
    Expr,
    Expr,
    Expr,
    Expr,
  ];
  const scaled = (by: number, x: Expr): Expr => apply('mul', [constant(by), x]);
  const bias = (by: number): Expr => apply('sub', [constant(1), apply('pow', [constant(by), leaf('step', [], false)])]);
  const root = apply('add', [apply('sqrt', [apply('div', [v, bias(0.999)])]), constant(1e-8)]);
  const direction = apply('div', [apply('div', [m, bias(0.9)]), root]);
  return {
    name: 'adam',
    rate: constant(0.01),
    states: [
      { name: 'm', init: 0 },
      { name: 'v', init: 0 },
    ],
    nextStates: [
      { name: 'm', value: apply('add', [scaled(0.9, m), scaled(0.1, g)]) },
      { name: 'v', value: apply('add', [scaled(0.999, v), scaled(0.001, apply('square', [g]))]) },
    ],
    nextWeight: apply('sub', [w, apply('mul', [leaf('rate', [], false), direction])]),
  };
}
