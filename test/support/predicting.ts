/** Settled values of hand-built networks, through a prediction that clamps some nodes and reads others. */
import type { PredictTask } from '../../compiler/3-check/checked.ts';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { leaf } from '../../compiler/operators/expr.ts';
import { sizeOf } from '../../spec/program.ts';
import { call, initialise } from './networks.ts';
import { openReference } from './reference.ts';

const span = { file: 'test.pcn', start: 0, end: 0 };

export interface Settling {
  readonly steps: number;
  readonly rate: number;
  readonly momentum?: number;
}

/**
 * @param clamped values of the clamped nodes, one row a sample
 * @param weights those that are not drawn with seed 5
 */
export async function settledValues(
  graph: Graph,
  clamped: Readonly<Record<string, Float32Array>>,
  settling: Settling,
  weights: Readonly<Record<string, Float64Array>> = {},
): Promise<Record<string, Float64Array>> {
  const shapeOf = (name: string): readonly number[] => graph.nodes.find((n) => n.name === name)?.shape ?? [];
  const inputs = Object.keys(clamped).map((name) => ({ name, type: 'f32' as const, shape: shapeOf(name) }));
  const task: PredictTask = {
    kind: 'predict',
    name: 'values',
    model: { name: graph.name, parameters: {}, nodes: [], links: [], span },
    clamps: inputs.map((f) => ({ node: f.name, value: leaf(`sample.${f.name}`, f.shape), span })),
    reads: graph.nodes.map((n) => ({ name: n.name, value: leaf(`node:${n.name}`, n.shape), span })),
    settle: call('learn.settle', { momentum: 0, ...settling }),
    inputs,
    replicas: 1,
    span,
  };
  const [first] = inputs;
  const batch = first ? (clamped[first.name]?.length ?? 0) / sizeOf(first.shape) : 1;
  const program = lowerProgram(graph, undefined, [task], { predictBatch: batch });
  const session = await openReference(program);
  await initialise(session, program, 5);
  for (const [id, values] of Object.entries(weights)) await session.write(id, values);
  const results = await session.run('predict.values', clamped, { batch: 0, batches: 1 });
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, Float64Array.from(values)]));
}
