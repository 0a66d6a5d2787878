/** Backpropagation of the same graph: every free node is its prediction, only the clamped outputs have an energy (equation 11). The baseline. */
import type { Value } from '../../operators/operator.ts';
import { evaluate } from '../network.ts';
import {
  energyGradients,
  energyResults,
  reportEnergies,
  type Trained,
  type Training,
  toUpdates,
  weightStep,
} from '../training.ts';

export function backpropagation(training: Training, stateValue: (id: string) => Value): Trained {
  const { network, weights, start, z } = training;
  const whole = evaluate(start, network, z, weights);
  // Free nodes sit at their predictions, so theirs would be zero: what is left is the loss of the clamped outputs.
  const energies = new Map([...whole.energies].filter(([node]) => network.clamps.has(node)));
  const evaluation = { ...whole, energies };
  const found = energyGradients(start, evaluation, [...weights.values()]);
  const next = weightStep(start, training, weights, stateValue, found, { update: 'batch', updates: 'batches' });
  return {
    settled: z,
    blocks: [],
    updates: toUpdates(next),
    results: energyResults(reportEnergies(start, network, evaluation)),
  };
}
