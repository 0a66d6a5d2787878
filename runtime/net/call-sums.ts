/** Sums of a shard over the calls of an epoch: energies of its nodes, and the comparisons of its evaluations. */
import type { Tensor } from '../device/device.ts';
import { type Call, evaluationCalls, samplesOf } from '../training/calls.ts';
import { type Comparing, comparing, isSound } from '../training/metrics.ts';
import { comparedIn, type Totals, unsoundEnergy, withCompared, withEnergies } from '../training/totals.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { ShardData } from './shard-data.ts';

/** Of each evaluation under way what it keeps beside its sums. */
export type Comparisons = Map<number, Comparing>;

export type SumsOf = { readonly totals: Totals } | { readonly unsound: string };

/**
 * @param comparisons of the evaluations under way: changed
 * @returns the sums with those of a call, or the node whose energy is no longer a finite number
 */
export function withCall(
  deployment: Deployment,
  data: Pick<ShardData, 'answers'>,
  totals: Totals,
  call: Call,
  results: Readonly<Record<string, Tensor>>,
  comparisons: Comparisons,
): SumsOf {
  if (call.kind === 'train') {
    const unsound = unsoundEnergy(results);
    return unsound === undefined ? { totals: withEnergies(totals, results, samplesOf(deployment)) } : { unsound };
  }
  const { evaluation: i } = call;
  const evaluation = deployment.evaluations[i];
  const predicted = evaluation && results[evaluation.read];
  if (!predicted) return { totals };
  const place = call.batch * (evaluation.sequence ?? 1) + (call.step ?? 0);
  const isLast = place + 1 === evaluationCalls(deployment)[i];
  const compare = (place > 0 ? comparisons.get(i) : undefined) ?? comparing(evaluation);
  if (isLast) comparisons.delete(i);
  else comparisons.set(i, compare);
  const compared = compare(predicted, data.answers(call), comparedIn(totals, i), isLast);
  // As on one machine: the check fails, and the training goes on.
  const sum = isSound(results, evaluation.read) ? compared.sum : Number.NaN;
  return { totals: withCompared(totals, i, { ...compared, sum }) };
}
