/** Predictions and energies that a read asks for, at the values where a prediction ends (semantics.md, section 16). */
import { nodeOrigin, parseNodeLeaf } from '../../spec/names.ts';
import type { PredictTask } from '../3-check/checked.ts';
import { type Expr, isBatched } from '../operators/expr.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { leavesOf } from './leaves.ts';
import type { Bindings } from './lower-expression.ts';
import { batchedShape, evaluate, type Network, nodeOf, type Values, zeros } from './network.ts';

/** By leaf: `prediction:NODE` in the node's shape, `energy:NODE` as one number a sample. */
export function bindNodeReads(
  builder: BlockBuilder,
  network: Network,
  z: Values,
  weights: Values,
  reads: PredictTask['reads'],
): Bindings {
  const leaves = new Set<string>();
  for (const read of reads) leavesOf(read.value, leaves);
  const asked = [...leaves].flatMap((leaf) => {
    const read = parseNodeLeaf(leaf);
    return read && read.what !== 'node' ? [{ leaf, ...read }] : [];
  });
  if (asked.length === 0) return {};
  const { mu, energies } = evaluate(builder, network, z, weights);
  const bindings: Record<string, Bindings[string]> = {};
  for (const { leaf, what, node } of asked) {
    builder.origin = nodeOrigin(node);
    const of = nodeOf(network.graph, node);
    const energy = energies.get(node);
    if (what === 'prediction') bindings[leaf] = { value: mu.get(node) ?? zeros(builder, batchedShape(network, of)) };
    else if (energy) bindings[leaf] = { value: perSample(builder, energy, of.energy, network.batch) };
  }
  builder.origin = undefined;
  return bindings;
}

/** The sum over the elements of the energy's expression, which may be the same for all samples. */
function perSample(builder: BlockBuilder, energy: Value, expr: Expr, batch: number): Value {
  const batched = isBatched(expr);
  const axes = energy.shape.map((_, i) => i).slice(batched ? 1 : 0);
  const sum = axes.length === 0 ? energy : builder.op('sum', [energy], { axes });
  return batched ? sum : builder.op('broadcast', [sum], { shape: [batch] });
}
