/**
 * Fixed prediction (Millidge et al. 2020; the inference of Meta-PCN, Ha et al. 2026): values and predictions stay as the
 * forward sweep leaves them, and errors settle by what neighbours send alone (equation 12). With rate 1 the errors are
 * backpropagation's after as many ticks as there are links on the longest path.
 */
import { deltaName, nodeOrigin } from '../../../spec/names.ts';
import type { Carry } from '../../../spec/program.ts';
import type { GraphNode } from '../../4-graph/graph.ts';
import { levels } from '../../4-graph/level.ts';
import type { Value } from '../../operators/operator.ts';
import type { BlockBuilder } from '../builder.ts';
import {
  alignMask,
  batchedShape,
  type Evaluation,
  evaluate,
  freeNodes,
  get,
  type Network,
  type Values,
  withoutExact,
  zeros,
} from '../network.ts';
import {
  after,
  carried,
  clampedAlone,
  closeBlock,
  energyGradients,
  energyResults,
  inside,
  newBlock,
  reportEnergies,
  type Trained,
  type Training,
  toUpdates,
  weightStep,
} from '../training.ts';

/** @param rate share of the way to the new error in a tick */
export function fixedPrediction(
  training: Training,
  { steps, rate }: { readonly steps: number; readonly rate: number },
  outputs: ReadonlySet<string>,
  stateValue: (id: string) => Value,
): Trained {
  const { network, weights, start } = training;
  const z = withoutExact(network.graph, training.z);
  const predicted = new Set(network.graph.links.map((l) => l.target));
  const level = levels(network.graph, outputs);
  // Nodes that have an error from what they predict, on a way to some output.
  const free = freeNodes(network).filter((n) => predicted.has(n.name) && (level.get(n.name) ?? -1) >= 0);
  const first = new Map(free.map((n) => [n.name, zeros(start, batchedShape(network, n))]));
  const evaluated = (block: BlockBuilder): Evaluation => clampedAlone(network, evaluate(block, network, z, weights));
  const body = newBlock(training);
  const within = new Map(free.map(({ name }) => [name, inside(deltaName(name), get(first, name))]));
  const values = free.map(({ name }) => get(z, name));
  const found = errorsAt(body, evaluated(body), within, values);
  const carries = free.map((node) =>
    moveError(body, network, node, within, first, found.get(get(z, node.name).id), rate),
  );
  const tick = closeBlock(body, 'tick', steps, 0, carries);

  const learn = newBlock(training);
  const settled = new Map(free.map(({ name }) => [name, after(deltaName(name), get(first, name))]));
  const evaluation = evaluated(learn);
  const slopes = errorsAt(learn, evaluation, settled, [...weights.values()]);
  const counters = { update: 'batch', updates: 'batches' } as const;
  const next = weightStep(learn, training, weights, stateValue, slopes, counters);
  const energies = reportEnergies(learn, network, evaluation);
  return {
    settled: training.z,
    blocks: [tick, closeBlock(learn, 'learn', 1, steps)],
    updates: toUpdates(next),
    results: energyResults(energies),
  };
}

/** What the clamps' energies and the errors of free nodes send back to `targets`. */
function errorsAt(
  builder: BlockBuilder,
  evaluation: Evaluation,
  deltas: Values,
  targets: readonly Value[],
): Map<string, Value> {
  const seeds = [...deltas].map(([node, gradient]) => ({ value: get(evaluation.mu, node), gradient }));
  return energyGradients(builder, evaluation, targets, seeds);
}

/** @param sent what the nodes that it predicts send back */
function moveError(
  body: BlockBuilder,
  network: Network,
  node: GraphNode,
  within: Values,
  first: Values,
  sent: Value | undefined,
  rate: number,
): Carry {
  const { name } = node;
  body.origin = nodeOrigin(name);
  const old = get(within, name);
  // Where a clamp holds, its energy alone makes the error.
  const when = network.clamps.get(name)?.when;
  const zero = body.constant(0);
  const wanted = sent && when ? body.op('select', [alignMask(body, when, sent.shape.length), zero, sent]) : sent;
  const next = wanted ? mix(body, old, wanted, rate) : old;
  body.origin = undefined;
  return carried(deltaName(name), get(first, name), next);
}

function mix(body: BlockBuilder, old: Value, wanted: Value, rate: number): Value {
  if (rate === 1) return wanted;
  const kept = body.op('mul', [old, body.constant(1 - rate)]);
  return body.op('add', [kept, body.op('mul', [wanted, body.constant(rate)])]);
}
