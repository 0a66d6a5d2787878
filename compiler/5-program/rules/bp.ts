/** Backpropagation of the same graph: every free node is its prediction, only the clamped outputs have an energy (equation 11). The baseline. */
import type { Value } from '../../operators/operator.ts';
import { evaluate } from '../network.ts';
import {
  clampedAlone,
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
  const evaluation = clampedAlone(network, evaluate(start, network, z, weights));
  const found = energyGradients(start, evaluation, [...weights.values()]);
  const next = weightStep(start, training, weights, stateValue, found, { update: 'batch', updates: 'batches' });
  return {
    settled: z,
    blocks: [],
    updates: toUpdates(next),
    results: energyResults(reportEnergies(start, network, evaluation)),
  };
}
