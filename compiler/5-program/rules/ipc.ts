/** Incremental predictive coding: values and weights move together, every tick, from the same state (equation 8; Salvatori et al. 2022, arXiv 2212.00720). */
import { energyName } from '../../../spec/names.ts';
import type { Carry, State } from '../../../spec/program.ts';
import type { Value } from '../../operators/operator.ts';
import { learns } from '../learning.ts';
import { evaluate, get, withExact } from '../network.ts';
import { afterValues, insideValues, moveValues, type Settling } from '../settle.ts';
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
  weightStep,
} from '../training.ts';

export function incremental(
  training: Training,
  settling: Settling & { steps: number },
  states: readonly State[],
): Trained {
  const { network, z } = training;
  const outer = new Map(states.map((s) => [s.id, { id: s.id, shape: s.shape }]));
  // Weights that do not learn are in every tick what they are before the batch.
  const moves = (id: string): boolean => learns(id, network.graph);
  const inner = new Map([...outer].map(([id, value]) => [id, moves(id) ? inside(id, value) : value]));
  const weights = new Map([...training.weights.keys()].map((name) => [name, get(inner, name)]));
  const body = newBlock(training);
  const values = insideValues(network, z);
  const evaluation = evaluate(body, network, values, weights, 'tick');
  const energies = reportEnergies(body, network, evaluation);
  const found = energyGradients(body, evaluation, [...values.values(), ...weights.values()]);
  const carries: Carry[] = moveValues(body, training.start, network, z, found, settling);
  const counters = {
    update: { op: 'add', args: [{ op: 'mul', args: ['batch', settling.steps] }, 'tick'] },
    updates: { op: 'mul', args: ['batches', settling.steps] },
  } as const;
  const next = weightStep(body, training, weights, (id) => get(inner, id), found, counters);
  for (const [id, value] of next) carries.push(carried(id, get(outer, id), value));
  const results = new Map<string, Value>();
  for (const [node, energy] of energies) {
    const zero = training.start.constant(0);
    carries.push(carried(energyName(node), zero, energy));
    results.set(node, after(energyName(node), energy));
  }
  const updates = [...next].map(([state, value]) => ({ state, value: after(state, value).id }));
  const behind = newBlock(training);
  const moved = new Map(
    [...training.weights].map(([name, weight]) => [name, moves(name) ? after(name, weight) : weight]),
  );
  const settled = withExact(behind, network, afterValues(network, z), moved);
  const tick = closeBlock(body, 'tick', settling.steps, 0, carries);
  return {
    settled,
    blocks: behind.ops.length === 0 ? [tick] : [tick, closeBlock(behind, 'settled', 1, settling.steps)],
    updates,
    results: energyResults(results),
  };
}
