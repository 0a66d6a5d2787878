/** Who decides on lanes: a device says how many it wants, and the program has them where its rule has a seam. */
import { expect, test } from 'vitest';
import type { Graph } from '../../../compiler/4-graph/graph.ts';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { lanesFor, withLanes } from '../../../compiler/7-kernels/onnx/lanes.ts';
import { apply, leaf } from '../../../compiler/operators/expr.ts';
import { LANE, STEP, TRAIN } from '../../../spec/names.ts';
import { call, chain, gaussianNode, tanh, trainTask } from '../../support/networks.ts';

const graph = chain([7, 5, 3], { act: tanh });
const il = call('learn.il', { steps: 6, rate: 0.1, momentum: 0 });
const ipc = call('learn.ipc', { steps: 6, rate: 0.1, momentum: 0 });

function batchesOf(batch: number, lanes: number, method = il): Record<string, number> {
  const task = trainTask(graph, { method, batch, clamped: ['l0', 'l2'] });
  const { functions } = withLanes(lowerProgram(graph, task, [], { predictBatch: 1 }), { graph, task }, lanes);
  return Object.fromEntries(functions.map((f) => [f.name, f.batch]));
}

test('a program has as many lanes as it is asked for, however small it is', () => {
  expect(batchesOf(64, 1)).toEqual({ [TRAIN]: 64 });
  expect(batchesOf(64, 2)).toEqual({ [TRAIN]: 64, [LANE]: 32, [STEP]: 64 });
  expect(batchesOf(8, 4)).toEqual({ [TRAIN]: 8, [LANE]: 2, [STEP]: 8 });
});

test('a program has no lanes where its rule cannot be divided, or where they would not be equal', () => {
  expect(batchesOf(64, 2, ipc)).toEqual({ [TRAIN]: 64 });
  expect(batchesOf(33, 2)).toEqual({ [TRAIN]: 33 });
});

test('a CPU uses two lanes from 16 samples each, and none for a large model', () => {
  expect([30, 31, 32, 33, 34].map((batch) => lanesFor(graph, { batch, method: il }))).toEqual([1, 1, 2, 1, 2]);
  const [link] = graph.links;
  if (!link) throw new Error('no link');
  const models = [256, 257].map((length) => ({
    ...graph,
    links: Array.from({ length }, () => ({ ...link, weights: [] })),
  }));
  expect(models.map((model) => lanesFor(model, { batch: 32, method: il }))).toEqual([2, 1]);
});

test('a CPU counts tokens as samples where all values have them', () => {
  const lanes = (shapes: readonly (readonly number[])[], batch: number): number => {
    const nodes = graph.nodes.map((node, i) => ({ ...node, shape: shapes[i] ?? node.shape }));
    return lanesFor({ ...graph, nodes }, { batch, method: il });
  };
  const text = [[8], [8, 5], [8, 3]];
  expect([2, 3, 4, 5].map((batch) => lanes(text, batch))).toEqual([1, 1, 2, 1]);
  expect(lanes([[8], [8, 5], [3]], 4)).toBe(1);
});

test('a CPU leaves a batch whole that hands over more weights than it shares values', () => {
  const dense = chain([784, 128, 128, 10], { act: tanh });
  const lanes = (method: typeof il, batch: number): number => lanesFor(dense, { batch, method });
  expect([lanes(il, 128), lanes(call('learn.z_il', {}), 256), lanes(call('learn.bp', {}), 128)]).toEqual([2, 2, 1]);
  expect(lanes(call('learn.bp', {}), 1024)).toBe(2);
});

test('a lane takes a large attention in parts, unless adding up its gradients would take as long', () => {
  const partsOf = (tokens: number, weights: number): number | undefined => {
    const source = leaf('source', [tokens, 2]);
    const scores = apply('matmul', [source, apply('transpose', [source])]);
    const scale = apply('sum', [leaf('w', [weights], false)], { axes: [0] });
    const body = apply('mul', [apply('sum', [apply('softmax', [scores])], { axes: [1] }), scale]);
    const weight = { name: 'w', shape: [weights], init: { kind: 'constant', value: 1 } as const };
    const nodes = [gaussianNode('text', [tokens, 2]), gaussianNode('read', [tokens])];
    const link = { name: 'text->read', source: 'text', target: 'read', delay: 0, body, weights: [weight] };
    const model: Graph = { ...graph, nodes, links: [link] };
    const task = trainTask(model, { method: call('learn.bp'), batch: 16, clamped: ['text', 'read'] });
    const program = withLanes(lowerProgram(model, task, [], { predictBatch: 1 }), { graph: model, task }, 2);
    return program.functions.find((f) => f.name === LANE)?.batch;
  };
  expect([partsOf(128, 1), partsOf(512, 1), partsOf(512, 2 ** 21)]).toEqual([8, 2, 8]);
});
