/**
 * Z-IL (Song et al. 2020; Salvatori et al. 2022, AAAI): with rate 1, a forward start and squared errors, the error
 * reaches one link further with every tick; the weights t links before the output move at tick t, and the steps equal
 * backpropagation's exactly (semantics.md, equation 10).
 */
import { nodeOrigin } from '../../../spec/names.ts';
import type { State } from '../../../spec/program.ts';
import { levels } from '../../4-graph/level.ts';
import type { Value } from '../../operators/operator.ts';
import { evaluate, freeNodes, get, hold, withoutExact } from '../network.ts';
import { afterValues, insideValues, moveValues } from '../settle.ts';
import {
  after,
  carried,
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
import { weightsInto } from './il.ts';

const COUNTERS = { update: 'batch', updates: 'batches' } as const;

/** @param rate 1; a test gives another to show that the equality then fails */
export function zeroDivergence(
  training: Training,
  outputs: ReadonlySet<string>,
  stateValue: (id: string) => Value,
  rate = 1,
): Trained {
  const { network, weights } = training;
  const level = levels(network.graph, outputs);
  const last = Math.max(0, ...level.values());
  let z = withoutExact(network.graph, training.z);
  const block = training.start;
  const next = new Map<string, Value>();
  for (let t = 0; t < last; t++) {
    const evaluation = evaluate(block, network, z, weights, t);
    const found = energyGradients(block, evaluation, [...z.values(), ...weights.values()]);
    const due = new Set([...level].filter(([, distance]) => distance === t).map(([node]) => node));
    const moved = weightStep(block, training, weights, stateValue, found, COUNTERS, weightsInto(training, due));
    for (const [id, value] of moved) next.set(id, value);
    z = stepValues(block, training, z, found, rate);
  }
  const evaluation = evaluate(block, network, z, weights, last);
  const energies = reportEnergies(block, network, evaluation);
  return { settled: evaluation.z, blocks: [], updates: toUpdates(next), results: energyResults(energies) };
}

function stepValues(
  block: Training['start'],
  training: Training,
  z: Training['z'],
  found: ReadonlyMap<string, Value>,
  rate: number,
): Map<string, Value> {
  const moved = new Map(z);
  for (const node of freeNodes(training.network)) {
    const gradient = found.get(get(z, node.name).id);
    if (!gradient) continue;
    block.origin = nodeOrigin(node.name);
    const next = block.op('sub', [get(z, node.name), block.op('mul', [gradient, block.constant(rate)])]);
    moved.set(node.name, hold(block, training.network, node, next));
  }
  block.origin = undefined;
  return moved;
}

/**
 * Fa-Z-IL: no step counter. The weights into a node move once, at the tick in which the node's error first differs
 * from zero; a latch per node remembers that they have. Rests on the forward sweep leaving errors of exactly zero.
 */
export function firstArrival(training: Training, outputs: ReadonlySet<string>, states: readonly State[]): Trained {
  const { network, z } = training;
  const steps = Math.max(1, ...levels(network.graph, outputs).values());
  const outer = new Map(states.map((s) => [s.id, { id: s.id, shape: s.shape }]));
  const inner = new Map([...outer].map(([id, value]) => [id, inside(id, value)]));
  const body = newBlock(training);
  const values = insideValues(network, z);
  // Values settle on the weights from before the batch; the weights that fire are kept aside until its end.
  const evaluation = evaluate(body, network, values, training.weights, 'tick');
  const found = energyGradients(body, evaluation, [...values.values(), ...training.weights.values()]);
  const carries = moveValues(body, training.start, network, z, found, { rate: 1, momentum: 0 });
  const moved = new Set<string>();
  for (const [node, mu] of evaluation.mu) {
    const due = weightsInto(training, new Set([node]));
    const error = found.get(mu.id);
    if (due.size === 0 || !error) continue;
    body.origin = nodeOrigin(node);
    const arrived = body.op('step', [body.op('amax', [body.op('abs', [error])], {})]);
    const latch = inside(`latch.${node}`, arrived);
    const fire = body.op('mul', [arrived, body.op('sub', [body.constant(1), latch])]);
    const stepped = weightStep(body, training, training.weights, (id) => get(outer, id), found, COUNTERS, due);
    for (const [id, value] of stepped) {
      const kept = body.op('select', [fire, value, get(inner, id)]);
      carries.push(carried(id, get(outer, id), kept));
      moved.add(id);
    }
    carries.push(carried(`latch.${node}`, training.start.constant(0), body.op('max', [latch, arrived])));
  }
  body.origin = undefined;
  const tick = closeBlock(body, 'tick', steps, 0, carries);
  const report = newBlock(training);
  const settled = evaluate(report, network, afterValues(network, z), training.weights, 'tick');
  const energies = reportEnergies(report, network, settled);
  const updates = [...moved].map((state) => ({ state, value: after(state, get(outer, state)).id }));
  return {
    settled: settled.z,
    blocks: [tick, closeBlock(report, 'report', 1, steps)],
    updates,
    results: energyResults(energies),
  };
}
