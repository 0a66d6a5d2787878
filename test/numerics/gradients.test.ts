/** Gradients of the energy against central differences in f64 (semantics.md, equations 1, 2 and 4). */
import { describe, expect, test } from 'vitest';
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import { apply, constant, type Expr, leaf, type Shape } from '../../compiler/operators/expr.ts';
import type { OperatorName } from '../../compiler/operators/table.ts';
import { checkGraph } from '../support/check-graph.ts';
import { bernoulli, categorical, crossEntropy, fixedPrecision, learnedPrecision } from '../support/energies.ts';
import { energyProgram, gradientErrors } from '../support/energy-program.ts';
import { chain, denseLink, gaussianNode, initialise } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';

const BATCH = 3;
const tanh = (x: Expr): Expr => apply('tanh', [x]);
const gelu = (x: Expr): Expr => apply('gelu', [x]);
const op = (name: OperatorName, ...args: Expr[]): Expr => apply(name, args);

function graphOf(nodes: readonly GraphNode[], links: readonly GraphLink[]): Graph {
  return { name: 'g', nodes, links };
}

/** A link with a body of its own; weights normal. */
function linkOf(
  source: GraphNode,
  target: GraphNode,
  weights: Readonly<Record<string, Shape>>,
  body: (x: Expr, w: Record<string, Expr>) => Expr,
): GraphLink {
  const leaves = Object.fromEntries(Object.entries(weights).map(([name, shape]) => [name, leaf(name, shape, false)]));
  return {
    name: `${source.name}->${target.name}`,
    source: source.name,
    target: target.name,
    delay: 0,
    body: body(leaf('source', source.shape), leaves),
    weights: Object.entries(weights).map(([name, shape]) => ({ name, shape, init: { kind: 'normal', std: 0.6 } })),
  };
}

/** The link with a share of its connections. */
function thinned(link: GraphLink, density: number, sources: number): GraphLink {
  const drawn = { topology: 'random', arguments: { density }, stream: link.name, seed: 7, offset: 0, total: sources };
  return { ...link, sparsity: { weight: 'w', density, ...drawn } };
}

describe('gradients of topologies agree with finite differences', () => {
  test.each([
    ['convention A', { act: tanh }],
    ['convention B', { after: gelu }],
    ['both', { act: gelu, after: tanh }],
  ])('for a feed-forward network, %s', async (_, options) => {
    await checkGraph(chain([4, 5, 3, 2], options), { l0: 'all', l3: 'all' });
  });

  test.each([
    ['convention A', tanh, undefined],
    ['convention B', undefined, gelu],
  ])('for a cycle of three with a self link and two links between the same nodes, %s', async (_, act, after) => {
    const nodes = [gaussianNode('a', [3], act), gaussianNode('b', [4], act), gaussianNode('c', [2], act)];
    const links = [
      denseLink('a', 'b', 3, 4, after),
      denseLink('b', 'c', 4, 2, after),
      denseLink('c', 'a', 2, 3, after),
      denseLink('c', 'c', 2, 2, after),
      { ...denseLink('a', 'b', 3, 4, after), name: 'a->b#2' },
    ];
    await checkGraph(graphOf(nodes, links), {});
    await checkGraph(graphOf(nodes, links), { a: 'all', c: 'when' });
  });

  test.each([
    ['convention A', tanh, undefined],
    ['convention B', undefined, gelu],
  ])(
    'for delays alone, beside undelayed links and around a cycle, with single elements held, %s',
    async (_, act, after) => {
      const nodes = [gaussianNode('a', [3], act), gaussianNode('b', [4], act)];
      const links = [
        denseLink('a', 'b', 3, 4, after),
        { ...denseLink('a', 'b', 3, 4, after), name: 'a->b#2', delay: 1 },
        { ...denseLink('b', 'b', 4, 4, after), delay: 2 },
        { ...denseLink('b', 'a', 4, 3, after), delay: 1 },
        { ...denseLink('b', 'a', 4, 3, after), name: 'b->a#2' },
      ];
      const graph = graphOf(nodes, links);
      await checkGraph(graph, {});
      await checkGraph(graph, { b: 'all' });
      await checkGraph(graph, { a: 'elements', b: 'elements' });
    },
  );

  test.each([
    ['a list of entries, convention A', 0.15, tanh, undefined],
    ['a list of entries, convention B', 0.15, undefined, gelu],
    ['a mask, convention A', 0.6, tanh, undefined],
    ['a mask, convention B', 0.6, undefined, gelu],
  ])('for sparse links around a cycle and delayed ones, as %s', async (_, density, act, after) => {
    const nodes = [gaussianNode('a', [6], act), gaussianNode('b', [5], act)];
    const links = [
      thinned(denseLink('a', 'b', 6, 5, after), density, 6),
      thinned(denseLink('b', 'a', 5, 6, after), density, 5),
      thinned({ ...denseLink('b', 'b', 5, 5, after), delay: 1 }, density, 5),
    ];
    await checkGraph(graphOf(nodes, links), {});
    await checkGraph(graphOf(nodes, links), { a: 'all', b: 'when' });
  });

  test('for held elements of a node that nothing predicts, which have no energy, while the others have the prior', async () => {
    const root = gaussianNode('root', [6]);
    const sense = gaussianNode('sense', [4]);
    const links = [denseLink('root', 'sense', 6, 4)];
    await checkGraph(graphOf([root, sense], links), { root: 'elements', sense: 'all' });
    // One energy of all elements together.
    const together = { ...root, energy: apply('sum', [root.energy], { axes: [-1] }) };
    await checkGraph(graphOf([together, sense], links), { root: 'elements' });
  });

  test('for roots with the prior mu = 0, or none', async () => {
    const root = gaussianNode('root', [3]);
    const sense = gaussianNode('sense', [4]);
    const links = [denseLink('root', 'sense', 3, 4)];
    await checkGraph(graphOf([root, sense], links), { sense: 'all' });
    await checkGraph(graphOf([{ ...root, prior: 'none' }, sense], links), { sense: 'all' });
  });
});

describe('gradients of energies agree with finite differences', () => {
  const input = gaussianNode('x', [3], tanh);
  const top = gaussianNode('y', [2]);
  const through = (node: GraphNode): Graph =>
    graphOf([input, node, top], [denseLink('x', node.name, 3, 4), denseLink(node.name, 'y', 4, 2)]);

  test.each([
    ['gaussian of fixed precision', fixedPrecision('h', [4], 3.5)],
    ['gaussian of learned precision', learnedPrecision('h', [4])],
    ['gaussian of learned precision near its floor', learnedPrecision('h', [4], 1)],
    ['categorical', categorical('h', [4])],
  ])('for %s, free and clamped', async (_, node) => {
    await checkGraph(through(node), { x: 'all' });
    await checkGraph(through(node), { x: 'all', h: 'all', y: 'all' });
    await checkGraph(through(node), { h: 'when' });
  });

  test.each([
    ['cross-entropy', crossEntropy('h', [4])],
    ['bernoulli', bernoulli('h', [4])],
  ])('for %s, clamped', async (_, node) => {
    await checkGraph(through(node), { x: 'all', h: 'all' });
    await checkGraph(through(node), { h: 'when', y: 'when' });
  });
});

describe('gradients of link types agree with finite differences', () => {
  const wide = gaussianNode('a', [3, 4], tanh);
  const flat = gaussianNode('b', [5]);
  const same = gaussianNode('c', [3, 4]);
  const between = (link: GraphLink, target: GraphNode): Graph => graphOf([wide, target], [link]);

  const bodies: Record<
    string,
    [GraphNode, Readonly<Record<string, Shape>>, (x: Expr, w: Record<string, Expr>) => Expr]
  > = {
    identity: [same, {}, (x) => x],
    'one to one': [
      same,
      { gain: [3, 4], bias: [4] },
      (x, { gain, bias }) => op('add', op('mul', x, get(gain)), get(bias)),
    ],
    'a product by row': [
      gaussianNode('b', [3, 5]),
      { w: [5, 4] },
      (x, { w }) => apply('matmul', [x, get(w)], { tb: true }),
    ],
    'a product of several heads': [
      gaussianNode('b', [2, 3, 5]),
      { w: [2, 4, 5] },
      (x, { w }) => op('matmul', x, get(w)),
    ],
    'a matrix from the left': [gaussianNode('b', [5, 4]), { w: [5, 3] }, (x, { w }) => op('matmul', get(w), x)],
    'matrices of several heads from the left': [
      gaussianNode('b', [2, 5, 4]),
      { w: [2, 5, 3] },
      (x, { w }) => op('matmul', get(w), x),
    ],
    attention: [
      same,
      { q: [4, 4], k: [4, 4], v: [4, 4] },
      (x, { q, k, v }) => {
        const scores = apply('matmul', [op('matmul', x, get(q)), op('matmul', x, get(k))], { tb: true });
        return op(
          'matmul',
          apply('softmax', [op('mul', scores, constant(0.5))], { axis: -1 }),
          op('matmul', x, get(v)),
        );
      },
    ],
    'attention of two heads': [
      same,
      { q: [2, 4, 2], k: [2, 4, 2], v: [2, 4, 2] },
      (x, { q, k, v }) => {
        const scores = apply('matmul', [op('matmul', x, get(q)), op('matmul', x, get(k))], { tb: true });
        const heads = op('matmul', apply('softmax', [scores]), op('matmul', x, get(v)));
        return apply('reshape', [apply('transpose', [heads], { order: [1, 0, 2] })], { shape: [3, 4] });
      },
    ],
    'layer normalisation': [
      same,
      { gain: [4], bias: [4] },
      (x, { gain, bias }) => {
        const centred = op('sub', x, apply('mean', [x], { axes: [-1], keep: true }));
        const variance = apply('mean', [op('square', centred)], { axes: [1], keep: true });
        const normal = op('div', centred, op('sqrt', op('add', variance, constant(1e-5))));
        return op('add', op('mul', normal, get(gain)), get(bias));
      },
    ],
    'shifts by slice and pad': [
      same,
      { w: [4] },
      (x, { w }) => {
        const shifted = apply('pad', [apply('slice', [x], { axis: 0, from: 1, size: 2 })], {
          axis: 0,
          before: 0,
          after: 1,
        });
        return op('mul', shifted, get(w));
      },
    ],
    'join with a weight': [
      gaussianNode('b', [5, 4]),
      { w: [2, 4] },
      (x, { w }) => apply('concatenate', [x, get(w)], { axis: 0 }),
    ],
    'repeat the mean': [
      flat,
      { w: [5] },
      (x, { w }) => op('mul', apply('broadcast', [apply('mean', [x], {})], { shape: [5] }), get(w)),
    ],
    'repeat rows': [
      gaussianNode('b', [2, 3, 4]),
      { w: [2, 1, 4] },
      (x, { w }) => op('mul', apply('broadcast', [x], { shape: [2, 3, 4] }), get(w)),
    ],
    'a bilinear form': [
      gaussianNode('b', [3, 3]),
      { w: [4, 4] },
      (x, { w }) => apply('matmul', [op('matmul', x, get(w)), x], { tb: true }),
    ],
    'rows added to a tensor of more axes': [
      gaussianNode('b', [2, 3, 4]),
      { w: [2, 1, 4] },
      (x, { w }) => op('add', op('mul', x, get(w)), apply('amax', [x], { axes: [0] })),
    ],
    'nothing but a weight': [flat, { c: [5] }, (_, { c }) => get(c)],
  };

  test.each(Object.keys(bodies))('for %s', async (name) => {
    const [target, weights, body] = bodies[name] as (typeof bodies)[string];
    await checkGraph(between(linkOf(wide, target, weights, body), target), {});
  });
});

function get(value: Expr | undefined): Expr {
  if (!value) throw new Error('no such weight');
  return value;
}

test('the comparison notices a wrong gradient', async () => {
  const { program, variables } = energyProgram(chain([3, 2], {}), BATCH, {});
  const wrong = {
    ...program,
    functions: program.functions.map((f) => ({
      ...f,
      results: f.results.map((r) => (r.name === 'slope.z.l1' ? { ...r, value: 'z.l1' } : r)),
    })),
  };
  const session = await openReference(wrong);
  await initialise(session, wrong, 3);
  await session.write('z.l1', Float64Array.of(1, 2, 3, 4, 5, 6));
  expect((await gradientErrors(session, variables)).get('z.l1')).toBeGreaterThan(0.01);
});
