import { describe, expect, test } from 'vitest';
import type { Graph, GraphLink, GraphNode } from '../../../compiler/4-graph/graph.ts';
import { lowerGraph } from '../../../compiler/4-graph/lower.ts';
import { verifyGraph } from '../../../compiler/4-graph/verify.ts';
import { apply, constant, leaf } from '../../../compiler/operators/expr.ts';
import { chain, tanh } from '../../support/networks.ts';

const graph = chain([3, 4, 2], { act: tanh });

function withNode(change: Partial<GraphNode>): Graph {
  return { ...graph, nodes: graph.nodes.map((n, i) => (i === 1 ? { ...n, ...change } : n)) };
}
function withLink(change: Partial<GraphLink>): Graph {
  return { ...graph, links: graph.links.map((l, i) => (i === 0 ? { ...l, ...change } : l)) };
}
const z = leaf('z', [4]);

describe('verifyGraph', () => {
  test('accepts a sound graph', () => {
    expect(() => verifyGraph(graph)).not.toThrow();
  });

  test.each<[string, Graph, string]>([
    ['two nodes of one name', withNode({ name: 'l0' }), 'node l0 is declared twice'],
    ['two links of one name', withLink({ name: 'l1->l2' }), 'link l1->l2 is declared twice'],
    ['a link from nowhere', withLink({ source: 'x' }), 'begins at x, which is not a node'],
    ['a link to nowhere', withLink({ target: 'x' }), 'ends at x, which is not a node'],
    ['half a step of delay', withLink({ delay: 0.5 }), 'has delay 0.5'],
    ['a prediction of another shape', withLink({ target: 'l2' }), 'predicts [4], but l2 has shape [2]'],
    ['an activation that reads mu', withNode({ activation: leaf('mu', [4]) }), 'reads mu, which it does not know'],
    ['an unknown leaf', withNode({ energy: leaf('w', [4]) }), 'reads w, which it does not know'],
    ['a leaf of another shape', withNode({ energy: leaf('z', [5]) }), 'reads z as [5], but it is [4]'],
    [
      'a weight that differs by sample',
      withLink({ body: apply('add', [leaf('c', [4]), leaf('c', [4], false)]) }),
      'value per sample',
    ],
    [
      'a wrong shape inside',
      withNode({ energy: { kind: 'apply', op: 'neg', args: [z], attributes: {}, shape: [5] } }),
      'neg of shape [5]',
    ],
    [
      'too few arguments',
      withNode({ energy: { kind: 'apply', op: 'add', args: [z], attributes: {}, shape: [4] } }),
      'gives 1 arguments',
    ],
    [
      'an unknown attribute',
      withNode({ energy: { kind: 'apply', op: 'neg', args: [z], attributes: { a: 1 }, shape: [4] } }),
      'attribute a',
    ],
    ['a wide constant', withNode({ energy: { ...constant(1), shape: [4] } as never }), 'constant of shape [4]'],
    [
      'a weight named z',
      withNode({ weights: [{ name: 'z', shape: [4], init: { kind: 'constant', value: 0 } }] }),
      'the name z twice',
    ],
    ['a rate of a node', withNode({ rate: 30 }), 'has rate 30'],
  ])('rejects %s', (_, wrong, message) => {
    expect(() => verifyGraph(wrong)).toThrow(message);
  });
});

test('lowering keeps everything except the places in the text', () => {
  const span = { file: 'a.pcn', start: 1, end: 2 };
  const nodes = graph.nodes.map((n) => ({ ...n, span }));
  const links = graph.links.map((l) => ({ ...l, span }));
  expect(lowerGraph({ name: 'chain', parameters: {}, nodes, links, span })).toEqual(graph);
});
