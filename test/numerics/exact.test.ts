/** Exact nodes: links through them compose, derivatives go through them, and a network of them alone backpropagates. */
import { describe, expect, test } from 'vitest';
import type { CallValue } from '../../compiler/3-check/checked.ts';
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import { apply, type Expr } from '../../compiler/operators/expr.ts';
import { call, chain, denseLink, exactly, gaussianNode, relativeError, tanh } from '../support/networks.ts';
import { programOf, train, weightSteps, withPasses } from '../support/training.ts';

const CLAMPED = ['l0', 'l3'];
const settling = { steps: 4, rate: 0.15, momentum: 0.3 };

/** l0 -> l1 -> u -> l3, u exact; the weights are named as in `composed`. */
function throughExact(): Graph {
  const [first, , , last] = chain([5, 4, 6, 3], { act: tanh }).nodes;
  const { name: _, ...into } = denseLink('l1', 'u', 4, 6);
  const { name: _also, ...from } = denseLink('u', 'l3', 6, 3);
  return {
    name: 'through',
    nodes: [
      first as GraphNode,
      gaussianNode('l1', [4], tanh),
      exactly(gaussianNode('u', [6], tanh)),
      last as GraphNode,
    ],
    links: [denseLink('l0', 'l1', 5, 4), { name: 'p', ...into }, { name: 'p.q', ...from }],
  };
}

/** The same with one link from l1 to l3. */
function composed(): Graph {
  const { nodes, links } = throughExact();
  const [p, q] = links.slice(1) as [GraphLink, GraphLink];
  const renamed = (expr: Expr): Expr => {
    if (expr.kind === 'leaf') return expr.name === 'source' ? tanh(p.body) : { ...expr, name: `q.${expr.name}` };
    return expr.kind === 'apply' ? apply(expr.op, expr.args.map(renamed), expr.attributes) : expr;
  };
  const weights = [...p.weights, ...q.weights.map((w) => ({ ...w, name: `q.${w.name}` }))];
  return {
    name: 'composed',
    nodes: nodes.filter((n) => !n.value),
    links: [links[0] as GraphLink, { ...p, target: 'l3', body: renamed(q.body), weights }],
  };
}

const rules: [string, CallValue][] = [
  ['il', call('learn.il', settling)],
  ['ipc', call('learn.ipc', settling)],
  ['nudged', call('learn.nudged', { ...settling, beta: 0.5, sign: { kind: 'symbol', name: 'centred' } })],
  ['z_il', call('learn.z_il')],
  ['fa_z_il', call('learn.fa_z_il')],
  ['bp', call('learn.bp')],
];

test.each(rules)('under %s two links through an exact node learn as one link that composes them', async (_, method) => {
  const wanted = await train(programOf(composed(), { method, clamped: CLAMPED }), [], 3);
  const written = programOf(throughExact(), { method, clamped: CLAMPED });
  for (const program of [written, withPasses(written)]) {
    const found = await train(program, [], 3);
    expect([...found.weights.keys()].sort()).toEqual([...wanted.weights.keys()].sort());
    for (const [id, weight] of wanted.weights)
      expect(relativeError(found.weights.get(id) ?? [], weight), id).toBeLessThan(1e-12);
  }
});

/** A chain with a skip, in which some nodes are exact. */
function skipping(exact: readonly string[]): Graph {
  const { nodes, links } = chain([5, 4, 6, 3], { act: tanh });
  return {
    name: 'skipping',
    nodes: nodes.map((n) => (exact.includes(n.name) ? exactly(n) : n)),
    links: [...links, denseLink('l1', 'l3', 4, 3)],
  };
}

describe.each([[['l1']], [['l2']], [['l1', 'l2']]])('with %j exact', (exact) => {
  test.each(['z_il', 'fa_z_il', 'bp'])('%s steps as backpropagation does without exact nodes', async (rule) => {
    const wanted = await weightSteps(programOf(skipping([]), { method: call('learn.bp'), clamped: CLAMPED }), []);
    const program = programOf(skipping(exact), { method: call(`learn.${rule}`), clamped: CLAMPED });
    const found = await weightSteps(program, []);
    expect([...found.keys()]).toEqual([...wanted.keys()]);
    for (const [id, step] of wanted) expect(relativeError(found.get(id) ?? [], step), id).toBeLessThan(1e-10);
  });
});

test('inference learning without free values is backpropagation', async () => {
  const clamped = { clamped: CLAMPED };
  const wanted = await weightSteps(programOf(skipping([]), { method: call('learn.bp'), ...clamped }), []);
  const found = await weightSteps(
    programOf(skipping(['l1', 'l2']), { method: call('learn.il', settling), ...clamped }),
    [],
  );
  for (const [id, step] of wanted) expect(relativeError(found.get(id) ?? [], step), id).toBeLessThan(1e-12);
});
