/** Random graphs for property tests: any names, shapes, cycles, weights and expressions that `verifyGraph` accepts. */
import fc from 'fast-check';
import type { Initializer, Sparsity, WeightInstance } from '../../compiler/3-check/checked.ts';
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import { apply, constant, type Expr, leaf, type Shape, sizeOf } from '../../compiler/operators/expr.ts';
import type { OperatorName } from '../../compiler/operators/table.ts';

const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 });
const numbers = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }), fc.constant(-0));
const initializers: fc.Arbitrary<Initializer> = fc.oneof(
  fc.record({
    kind: fc.constant('constant' as const),
    value: fc.double({ min: -2, max: 2, noNaN: true }).map((x) => x + 0),
  }),
  fc.record({ kind: fc.constant('uniform' as const), bound: fc.double({ min: 0.01, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('normal' as const), std: fc.double({ min: 0.01, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('identity' as const), scale: fc.constant(1) }),
);
const unary: OperatorName[] = ['neg', 'tanh', 'gelu', 'exp', 'relu', 'softmax', 'log_softmax'];
const binary: OperatorName[] = ['add', 'sub', 'mul', 'max'];

/** An expression of the wanted shape over leaves of any shapes. */
function expressions(leaves: readonly Expr[], shape: Shape, depth: number): fc.Arbitrary<Expr> {
  const atoms = fc.constantFrom(...leaves).map((l) => shaped(l, shape));
  if (depth === 0)
    return fc.oneof(
      atoms,
      numbers.map((n) => fill(constant(n), shape)),
    );
  const deeper = expressions(leaves, shape, depth - 1);
  return fc.oneof(
    atoms,
    fc.tuple(fc.constantFrom(...unary), deeper).map(([op, x]) => apply(op, [x])),
    deeper.map((x) => apply('leaky_relu', [x], { slope: 0.2 })),
    fc
      .tuple(fc.constantFrom(...binary), deeper, fc.oneof(deeper, numbers.map(constant)))
      .map(([op, x, y]) => apply(op, [x, y])),
    fc.tuple(fc.integer({ min: 0, max: shape.length - 1 }), fc.boolean(), deeper).map(([axis, keep, x]) =>
      fill(
        apply('reshape', [apply('sum', [x], { axes: [axis], keep })], {
          shape: shape.map((n, i) => (i === axis ? 1 : n)),
        }),
        shape,
      ),
    ),
  );
}

function fill(x: Expr, shape: Shape): Expr {
  return apply('broadcast', [x], { shape: [...shape] });
}

/** The leaf itself where the shape agrees, else the mean of its elements everywhere, or a reshape. */
function shaped(x: Expr, shape: Shape): Expr {
  if (x.shape.length === shape.length && x.shape.every((n, i) => n === shape[i])) return x;
  if (sizeOf(x.shape) === sizeOf(shape)) return apply('reshape', [x], { shape: [...shape] });
  return fill(apply('mean', [x], {}), shape);
}

const weightsOf = (names: readonly string[]): fc.Arbitrary<WeightInstance[]> =>
  fc.tuple(...names.map((name) => fc.record({ name: fc.constant(name), shape: shapes, init: initializers })));

function nodes(name: string): fc.Arbitrary<GraphNode> {
  return fc.tuple(shapes, fc.subarray(['log_variance', 'gain']).chain(weightsOf)).chain(([shape, weights]) => {
    const parameters = weights.map((w) => leaf(w.name, w.shape, false));
    const z = leaf('z', shape);
    return fc.record({
      name: fc.constant(name),
      shape: fc.constant(shape),
      weights: fc.constant(weights),
      role: fc.constant('node' as const),
      activation: expressions([z, ...parameters], shape, 2),
      energy: expressions([z, leaf('mu', shape), ...parameters], shape, 3),
      energyKind: fc.constantFrom('gaussian', 'categorical'),
      clampedOnly: fc.boolean(),
      start: initializers,
      prior: fc.constantFrom('zero' as const, 'none' as const),
    });
  });
}

const sparsities: fc.Arbitrary<Sparsity> = fc.record({
  weight: fc.constant('w'),
  topology: fc.constantFrom('random', 'fixed_indegree'),
  arguments: fc.constant({ degree: 3 }),
  stream: fc.constant('a->b along topology.random(0.5)'),
  seed: fc.nat(),
  offset: fc.nat(3),
  total: fc.integer({ min: 4, max: 9 }),
  density: fc.constantFrom(0.1, 1),
});

function links(name: string, source: GraphNode, target: GraphNode): fc.Arbitrary<GraphLink> {
  return weightsOf(['w', 'c']).chain((weights) => {
    const leaves = [leaf('source', source.shape), ...weights.map((w) => leaf(w.name, w.shape, false))];
    return fc
      .record({
        name: fc.constant(name),
        source: fc.constant(source.name),
        target: fc.constant(target.name),
        delay: fc.constantFrom(0, 0, 1, 7),
        body: expressions(leaves, target.shape, 3),
        weights: fc.constant(weights),
      })
      .chain((link) =>
        fc.oneof(
          fc.constant(link),
          sparsities.map((sparsity) => ({ ...link, sparsity })),
        ),
      );
  });
}

const NAMES = ['pixels', 'h1', 'cortex.v1[3].low', 'cortex.v1[3].high', 'a1.low', 'skip~1'];

export const graphs: fc.Arbitrary<Graph> = fc
  .subarray(NAMES, { minLength: 1 })
  .chain((names) => fc.tuple(...names.map(nodes)))
  .chain((found) => {
    const ends = fc.array(fc.tuple(fc.constantFrom(...found), fc.constantFrom(...found)), { maxLength: 8 });
    return ends.chain((pairs) => {
      const all = pairs.map(([a, b], i) => links(`${a.name}->${b.name}${i === 0 ? '' : `#${i + 1}`}`, a, b));
      return fc.tuple(...all).map((joined) => ({ name: 'any', nodes: found, links: joined }));
    });
  });
