/** Means over a batch, which exact nodes read (equation 2c), and the running ones of predictions (equation 6c). */
import { weightName, weightOrigin } from '../../spec/names.ts';
import type { Graph, GraphNode } from '../4-graph/graph.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { type Bindings, lowerExpression } from './lower-expression.ts';

/** As the sweep of a training finds them, by the names of the weights in which running means are kept. */
export type BatchMeans = Map<string, Value>;

/**
 * What the node's value reads in a training: functions of the predictions of all samples, so derivatives go through them.
 * The first that are taken are the sweep's, and are noted.
 *
 * @param bindings of `mu`, and of the node's weights
 * @param batch samples, all that are trained together
 */
export function takeMeans(
  builder: BlockBuilder,
  { name, overBatch = [] }: GraphNode,
  bindings: Bindings,
  batch: number,
  swept: BatchMeans,
): Bindings {
  const taken: Record<string, Bindings[string]> = {};
  for (const { weight, of } of overBatch) {
    const each = lowerExpression(builder, of, { ...bindings, ...taken }, batch);
    const sum = builder.op('sum', [each], { axes: [0] });
    const value = builder.op('mul', [sum, builder.constant(1 / batch)]);
    taken[weight] = { value };
    const id = weightName(name, weight);
    if (!swept.has(id)) swept.set(id, value);
  }
  return taken;
}

/** What running means become, by their names. */
export function movedMeans(
  builder: BlockBuilder,
  { nodes }: Graph,
  means: BatchMeans,
  stateValue: (id: string) => Value,
): Map<string, Value> {
  const moved = new Map<string, Value>();
  for (const { name, overBatch = [] } of nodes)
    for (const { weight, share } of overBatch) {
      const id = weightName(name, weight);
      const mean = means.get(id);
      if (!mean) continue;
      builder.origin = weightOrigin(id);
      const change = builder.op('sub', [mean, stateValue(id)]);
      moved.set(id, builder.op('add', [stateValue(id), builder.op('mul', [change, builder.constant(share)])]));
    }
  builder.origin = undefined;
  return moved;
}

/** The first node that reads means over a batch. */
export function batchNode({ nodes }: Graph): string | undefined {
  return nodes.find((n) => n.overBatch)?.name;
}
