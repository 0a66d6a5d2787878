/** Fixed prediction against backpropagation, and against the closed form of errors that go only a part of the way. */
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { withSteps } from '../../compiler/5-program/auto-steps.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { categorical } from '../support/energies.ts';
import { call, chain, denseLink, exactly, gaussianNode, relativeError, tanh, trainTask } from '../support/networks.ts';
import { programOf, weightSteps, withPasses } from '../support/training.ts';

const AUTO = { kind: 'symbol', name: 'auto' } as const;

/** Skips over one and over two nodes, two outputs, one of them held in the middle. */
function skipping(exact: readonly string[] = []): Graph {
  const { nodes, links } = chain([5, 4, 6, 4, 3], { act: tanh });
  const all = [...nodes, gaussianNode('side', [2])];
  return {
    name: 'skipping',
    nodes: all.map((n) => (exact.includes(n.name) ? exactly(n) : n)),
    links: [...links, denseLink('l1', 'l3', 4, 4), denseLink('l0', 'l4', 5, 3), denseLink('l2', 'side', 6, 2)],
  };
}

const CLAMPED = ['l0', 'l4', 'side'];

function steps(graph: Graph, rule: string, args = {}) {
  return weightSteps(programOf(graph, { method: call(`learn.${rule}`, args), clamped: CLAMPED }), []);
}

function differences(found: ReadonlyMap<string, Float64Array>, wanted: ReadonlyMap<string, Float64Array>): number[] {
  expect([...found.keys()]).toEqual([...wanted.keys()]);
  return [...wanted].map(([id, step]) => relativeError(found.get(id) ?? [], step));
}

describe.each([[[]], [['l2']], [['l1', 'l3']]])('with %j exact', (exact) => {
  const graph = skipping(exact);

  test('errors that go all the way give the steps of backpropagation after the longest path', async () => {
    const wanted = await steps(skipping(), 'bp');
    const task = trainTask(graph, {
      method: call('learn.fixed_prediction', { steps: AUTO, rate: 1 }),
      batch: 4,
      clamped: CLAMPED,
    });
    const written = lowerProgram(graph, withSteps(task, graph), [], { predictBatch: 1 });
    for (const program of [written, withPasses(written)])
      expect(Math.max(...differences(await weightSteps(program, []), wanted))).toBeLessThan(1e-12);
  });

  test('one tick fewer leaves the farthest weights behind', async () => {
    const longest = 3 - exact.length;
    const found = await steps(graph, 'fixed_prediction', { steps: longest - 1, rate: 1 });
    const wanted = await steps(skipping(), 'bp');
    expect(Math.max(...differences(found, wanted))).toBeGreaterThan(1e-3);
  });
});

test('errors that go a part of the way in a tick come to the same', async () => {
  const found = await steps(skipping(), 'fixed_prediction', { steps: 120, rate: 0.5 });
  expect(Math.max(...differences(found, await steps(skipping(), 'bp')))).toBeLessThan(1e-12);
});

test('after T ticks at rate r the first hidden error of a chain of two links is 1 - (1 - r)^T of its last', async () => {
  const graph = chain([4, 5, 3], { act: tanh });
  const of = (rule: string, args = {}) =>
    weightSteps(programOf(graph, { method: call(`learn.${rule}`, args), clamped: ['l0', 'l2'] }), []);
  const wanted = (await of('bp')).get('l0->l1.w') ?? new Float64Array();
  const found = (await of('fixed_prediction', { steps: 3, rate: 0.25 })).get('l0->l1.w') ?? [];
  const share = 1 - 0.75 ** 3;
  expect(
    relativeError(
      found,
      wanted.map((x) => x * share),
    ),
  ).toBeLessThan(1e-12);
});

test('energies of free nodes play no part', async () => {
  const plain = chain([5, 4, 3], { act: tanh });
  const other = {
    ...plain,
    nodes: plain.nodes.map((n) => (n.name === 'l1' ? { ...categorical('l1', [4]), activation: n.activation } : n)),
  };
  const of = (graph: Graph) =>
    weightSteps(
      programOf(graph, { method: call('learn.fixed_prediction', { steps: 1, rate: 1 }), clamped: ['l0', 'l2'] }),
      [],
    );
  expect(Math.max(...differences(await of(other), await of(plain)))).toBe(0);
});
