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
import { gradients } from '../gradient.ts';
import {
  alignMask,
  batchedShape,
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
  closeBlock,
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
  const body = newBlock(training);
  const within = new Map(free.map(({ name }) => [name, inside(deltaName(name), get(first, name))]));
  const found = errorsAt(
    body,
    network,
    z,
    weights,
    within,
    free.map(({ name }) => get(z, name)),
  );
  const carries = free.map((node) =>
    moveError(body, network, node, within, first, found.get(get(z, node.name).id), rate),
  );
  const tick = closeBlock(body, 'tick', steps, 0, carries);

  const learn = newBlock(training);
  const settled = new Map(free.map(({ name }) => [name, after(deltaName(name), get(first, name))]));
  const slopes = errorsAt(learn, network, z, weights, settled, [...weights.values()]);
  const counters = { update: 'batch', updates: 'batches' } as const;
  const next = weightStep(learn, training, weights, stateValue, slopes, counters);
  const energies = reportEnergies(learn, network, clampedAlone(evaluate(learn, network, z, weights), network));
  return {
    settled: training.z,
    blocks: [tick, closeBlock(learn, 'learn', 1, steps)],
    updates: toUpdates(next),
    results: energyResults(energies),
  };
}

type Evaluated = ReturnType<typeof evaluate>;

/** Free nodes have no energy: they are their predictions. */
function clampedAlone({ energies, ...rest }: Evaluated, network: Network): Evaluated {
  return { ...rest, energies: new Map([...energies].filter(([node]) => network.clamps.has(node))) };
}

/** What the clamps' energies and the errors of free nodes send back to `targets`. */
function errorsAt(
  builder: BlockBuilder,
  network: Network,
  z: Values,
  weights: Values,
  deltas: Values,
  targets: readonly Value[],
): Map<string, Value> {
  const { mu, energies } = clampedAlone(evaluate(builder, network, z, weights), network);
  const one = (value: Value): Value => builder.op('broadcast', [builder.constant(1)], { shape: [...value.shape] });
  const seeds = [
    ...[...energies.values()].map((value) => ({ value, gradient: one(value) })),
    ...[...deltas].map(([node, gradient]) => ({ value: get(mu, node), gradient })),
  ];
  return gradients(builder, seeds, targets);
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
