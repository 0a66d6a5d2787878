/** The energies of equation 2, as expressions: for tests that should not depend on the standard library. */
import type { GraphNode } from '../../compiler/4-graph/graph.ts';
import { apply, constant, type Expr, leaf, type Shape } from '../../compiler/operators/expr.ts';
import type { OperatorName } from '../../compiler/operators/table.ts';
import { gaussianNode } from './networks.ts';

const op = (name: OperatorName, ...args: Expr[]): Expr => apply(name, args);
const half = constant(0.5);
const one = constant(1);

export function fixedPrecision(name: string, shape: Shape, precision: number): GraphNode {
  const node = gaussianNode(name, shape);
  return { ...node, energy: op('mul', constant(precision), node.energy) };
}

/** s = floor + e^l: ((z - mu)²/s + log s) / 2. */
export function learnedPrecision(name: string, shape: Shape, floor = 1e-3): GraphNode {
  const variance = op('add', constant(floor), op('exp', leaf('log_variance', shape, false)));
  const error = op('square', op('sub', leaf('z', shape), leaf('mu', shape)));
  const energy = op('mul', half, op('add', op('div', error, variance), op('log', variance)));
  const weights = [{ name: 'log_variance', shape, init: { kind: 'normal', std: 0.5 } as const }];
  return { ...gaussianNode(name, shape, (z) => op('tanh', z)), energy, weights };
}

/** Σ p (log p - log q), p and q from the logits z and mu. */
export function categorical(name: string, shape: Shape): GraphNode {
  const z = leaf('z', shape);
  const difference = op('sub', op('log_softmax', z), op('log_softmax', leaf('mu', shape)));
  return { ...gaussianNode(name, shape), energy: op('mul', op('softmax', z), difference), energyKind: 'categorical' };
}

/** -Σ z log softmax(mu). */
export function crossEntropy(name: string, shape: Shape): GraphNode {
  const energy = op('neg', op('mul', leaf('z', shape), op('log_softmax', leaf('mu', shape))));
  return { ...gaussianNode(name, shape), energy, energyKind: 'cross_entropy', clampedOnly: true };
}

/** log(1 + e^mu) - z mu = -(z log σ(mu) + (1 - z) log(1 - σ(mu))), in a form that does not overflow. */
export function bernoulli(name: string, shape: Shape): GraphNode {
  const mu = leaf('mu', shape);
  const log = op('log', op('add', one, op('exp', op('neg', op('abs', mu)))));
  const energy = op('sub', op('add', op('max', mu, constant(0)), log), op('mul', leaf('z', shape), mu));
  return { ...gaussianNode(name, shape), energy, energyKind: 'bernoulli', clampedOnly: true };
}
