/** Links that share weights: one state in the program, in one place of every cut. */
import { expect, it } from 'vitest';
import { lowerGraph } from '../../../compiler/4-graph/lower.ts';
import { parseGraph, printGraph } from '../../../compiler/4-graph/text.ts';
import { verifyGraph } from '../../../compiler/4-graph/verify.ts';
import { sharedHomes } from '../../../compiler/6-partition/shards/pieces.ts';
import { modelOf } from '../../support/check-source.ts';

const graph = lowerGraph(
  modelOf(`sense ids: f32[5]
  node x: f32[5, 3]
  node y: f32[5, 3]
  node out: f32[5, 4]
  link ids -> x = links.embedding(4, positions = false, tie = "table")
  link x -> y = links.tokenwise()
  link y -> out = links.unembedding(tie = "table")`),
);

it('share the weights of equal names, under that of the first', () => {
  verifyGraph(graph);
  expect(graph.links.flatMap((link) => link.weights.map(({ name, shared }) => [link.name, name, shared]))).toEqual([
    ['ids->x', 'table', 'ids->x.table'],
    ['x->y', 'w', undefined],
    ['x->y', 'c', undefined],
    ['y->out', 'table', 'ids->x.table'],
    ['y->out', 'c', undefined],
  ]);
});

it('print and parse back', () => {
  expect(parseGraph(printGraph(graph))).toEqual(graph);
});

it('keep the nodes together on whose side the weight is', () => {
  expect(sharedHomes(graph)).toHaveLength(1);
  expect(sharedHomes(graph)[0]?.every((name) => ['ids', 'x', 'y', 'out'].includes(name))).toBe(true);
});

it('cannot share a weight of another shape', () => {
  const [first, ...others] = graph.links;
  const narrow = first?.weights.map((w) => ({ ...w, shape: [4, 2] })) ?? [];
  expect(() => verifyGraph({ ...graph, links: first ? [{ ...first, weights: narrow }, ...others] : [] })).toThrow();
});
