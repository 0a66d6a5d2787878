/** Settling to a tolerance: a sample's answer does not depend on the samples beside it. */
import { expect, test } from 'vitest';
import type { PredictTask } from '../../compiler/3-check/checked.ts';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { leaf } from '../../compiler/operators/expr.ts';
import { stream } from '../../spec/random.ts';
import { call, denseLink, gaussianNode, initialise, tanh } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';

const SEEN = 6;
const HIDDEN = 4;
const span = { file: 'test.pcn', start: 0, end: 0 };

function cyclic(): Graph {
  const nodes = [gaussianNode('a', [HIDDEN], tanh), gaussianNode('b', [HIDDEN], tanh), gaussianNode('x', [SEEN])];
  const links = [
    denseLink('a', 'b', HIDDEN, HIDDEN),
    denseLink('b', 'a', HIDDEN, HIDDEN),
    denseLink('a', 'x', HIDDEN, SEEN),
  ];
  return { name: 'cyclic', nodes, links };
}

function recall(tolerance: number): PredictTask {
  return {
    kind: 'predict',
    name: 'recall',
    model: { name: 'cyclic', parameters: {}, nodes: [], links: [], span },
    clamps: [{ node: 'x', value: leaf('sample.x', [SEEN]), span }],
    reads: [{ name: 'a', value: leaf('node:a', [HIDDEN]), span }],
    settle: call('learn.settle', { steps: 400, rate: 0.1, momentum: 0, tolerance }),
    inputs: [{ name: 'x', type: 'f32', shape: [SEEN] }],
    replicas: 1,
    span,
  };
}

async function settle(x: Float32Array, batch: number, tolerance: number): Promise<Float64Array> {
  const program = runPasses(lowerProgram(cyclic(), undefined, [recall(tolerance)], { predictBatch: batch }));
  const session = await openReference(program);
  await initialise(session, program, 1);
  const { a } = await session.run('predict.recall', { x }, { batch: 0, batches: 1 });
  return Float64Array.from(a ?? []);
}

test('samples stop one by one, each at its own time', async () => {
  const rng = stream(2, 'x');
  const x = Float32Array.from({ length: 3 * SEEN }, (_, i) => rng.normal(i) * (1 + Math.floor(i / SEEN)));
  const together = await settle(x, 3, 1e-3);
  const exact = await settle(x, 3, 0);
  for (let sample = 0; sample < 3; sample++) {
    const alone = await settle(x.slice(sample * SEEN, (sample + 1) * SEEN), 1, 1e-3);
    expect([...together.slice(sample * HIDDEN, (sample + 1) * HIDDEN)]).toEqual([...alone]);
  }
  const distance = Math.max(...together.map((v, i) => Math.abs(v - (exact[i] as number))));
  expect(distance).toBeGreaterThan(1e-6); // it did stop early
  expect(distance).toBeLessThan(0.05);
});
