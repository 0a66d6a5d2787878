/** Predictions that begin at noise (`settle(start = noise)`): drawn once, so the same input always gives the same answer. */
import { nodeOrigin, noiseName } from '../../spec/names.ts';
import type { State } from '../../spec/program.ts';
import type { PredictTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { beginAt, freeNodes, get, hold, type Network, type Values, withoutExact } from './network.ts';

/** One draw from N(0, 1) for every element of every free node, in each row of the batch. */
export function noiseStates(graph: Graph, task: PredictTask, f: string, batch: number): State[] {
  const held = new Set(task.clamps.flatMap((c) => (c.when ? [] : [c.node])));
  return graph.nodes
    .filter((n) => !held.has(n.name) && !n.value)
    .map((n) => ({
      id: noiseName(f, n.name),
      shape: [batch, ...n.shape],
      role: 'memory',
      init: { kind: 'normal', std: 1 },
    }));
}

/** The values of the sweep, with every free one exchanged for its draw. */
export function startNoise(
  builder: BlockBuilder,
  network: Network,
  f: string,
  states: readonly State[],
  swept: Values,
): Map<string, Value> {
  const drawn = new Map(states.map((s) => [s.id, { id: s.id, shape: s.shape }]));
  const z = withoutExact(network.graph, swept);
  for (const node of freeNodes(network)) {
    builder.origin = nodeOrigin(node.name);
    const draw = get(drawn, noiseName(f, node.name));
    z.set(node.name, hold(builder, network, node, beginAt(builder, network, node, draw)));
  }
  builder.origin = undefined;
  return z;
}
