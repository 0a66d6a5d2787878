/**
 * Inference learning: T ticks of settling, then one weight step at the settled values (equation 7; Rao and Ballard 1999;
 * Whittington and Bogacz 2017). With multipliers it is PC-ALM (equation 7b).
 */

import type { Value } from '../../operators/operator.ts';
import { afterDeviations, insideDeviations } from '../deviations.ts';
import { evaluate, get } from '../network.ts';
import { afterValues, insideValues, moveValues, type Settling } from '../settle.ts';
import {
  closeBlock,
  energyGradients,
  energyResults,
  newBlock,
  reportEnergies,
  type Trained,
  type Training,
  toUpdates,
  weightStep,
} from '../training.ts';
import { restAfter, restInTick, withResting } from './freeze.ts';
import { lagrangian, type Multipliers, withMultipliers } from './multipliers.ts';

export function inferenceLearning(
  training: Training,
  settling: Settling & {
    readonly steps: number;
    readonly multipliers?: Multipliers;
    readonly freeze?: number;
    readonly deviations?: boolean;
  },
  stateValue: (id: string) => Value,
): Trained {
  const { weights, z } = training;
  const { multipliers = { rho: 1, alpha: 0 }, freeze = 0, deviations = false } = settling;
  const body = newBlock(training);
  const kept = insideValues(training.network, z);
  const { network, z: inner } = deviations
    ? insideDeviations(body, training.start, training.network, z, kept)
    : { network: training.network, z: kept };
  const plain = evaluate(body, network, inner, weights, 'tick');
  const bound = withMultipliers(body, training.start, network, plain, multipliers);
  const rest = freeze > 0 ? restInTick(body, training.start, network, bound, freeze) : undefined;
  const { evaluation: descended, carries: others, rests } = rest ?? bound;
  const moving = [...inner].map(([name, value]) => network.deviations?.get(name)?.by ?? value);
  const found = energyGradients(body, descended, moving);
  const carries = [...others, ...moveValues(body, training.start, network, z, found, { ...settling, rests })];
  const tick = closeBlock(body, 'tick', settling.steps, 0, carries);

  const learn = newBlock(training);
  const left = afterValues(training.network, z);
  const settled = deviations
    ? afterDeviations(learn, training.network, z, left)
    : { network: training.network, z: left };
  const reached = evaluate(learn, settled.network, settled.z, weights, 'tick');
  const evaluation = lagrangian(learn, settled.network, reached, bound.settled, multipliers.rho);
  const energies = reportEnergies(learn, network, evaluation);
  const sent = rest ? withResting(learn, evaluation, restAfter(network, rest)) : evaluation;
  const slopes = energyGradients(learn, sent, [...weights.values()]);
  const next = weightStep(learn, training, weights, stateValue, slopes, { update: 'batch', updates: 'batches' });
  return {
    settled: evaluation.z,
    blocks: [tick, closeBlock(learn, 'learn', 1, settling.steps)],
    updates: toUpdates(next),
    results: energyResults(energies),
  };
}

/** Names of all weights of links into `target` nodes, and of those nodes themselves. */
export function weightsInto(training: Training, targets: ReadonlySet<string>): Set<string> {
  const names = new Set<string>();
  for (const link of training.network.graph.links)
    if (targets.has(link.target)) for (const w of link.weights) names.add(`${link.name}.${w.name}`);
  for (const node of training.network.graph.nodes)
    if (targets.has(node.name)) for (const w of node.weights) names.add(`${node.name}.${w.name}`);
  for (const name of names) get(training.weights, name);
  return names;
}
