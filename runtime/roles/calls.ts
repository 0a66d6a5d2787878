/**
 * What a run does, call by call: the training batches of an epoch, then the batches of its evaluations, epoch after
 * epoch. The number of a call says all about it, so no message has to.
 */
import type { Deployment } from '../wire/deployment.ts';

export type Call =
  | { readonly kind: 'train'; readonly epoch: number; readonly batch: number }
  | { readonly kind: 'evaluate'; readonly epoch: number; readonly evaluation: number; readonly batch: number };

type Lengths = Pick<Deployment, 'train' | 'checks' | 'batch' | 'evaluations' | 'epochs' | 'snapshotEvery'>;

/** Training batches of one epoch: a last one that is not full is left out. */
export function batchesOf({ train, batch }: Lengths): number {
  return Math.floor(train.length / batch);
}

/** Batches of each evaluation. */
function evaluationBatches({ evaluations, checks }: Lengths): number[] {
  return evaluations.map((e, i) => Math.ceil((checks[i]?.length ?? 0) / e.batch));
}

export function callsPerEpoch(run: Lengths): number {
  return batchesOf(run) + evaluationBatches(run).reduce((sum, n) => sum + n, 0);
}

export function allCalls(run: Lengths): number {
  return run.epochs * callsPerEpoch(run);
}

/** @param n from 0 */
export function callAt(run: Lengths, n: number): Call {
  const perEpoch = callsPerEpoch(run);
  const epoch = Math.floor(n / perEpoch);
  let rest = n % perEpoch;
  const batches = batchesOf(run);
  if (rest < batches) return { kind: 'train', epoch, batch: rest };
  rest -= batches;
  for (const [evaluation, count] of evaluationBatches(run).entries()) {
    if (rest < count) return { kind: 'evaluate', epoch, evaluation, batch: rest };
    rest -= count;
  }
  throw new RangeError(`call ${n} of ${allCalls(run)}`);
}

/** Whether all shards save their state behind the first `calls` calls: every so many batches, and after each epoch. */
export function isCut(run: Lengths, calls: number): boolean {
  if (calls === 0) return false;
  const rest = calls % callsPerEpoch(run);
  return rest === 0 || (rest <= batchesOf(run) && rest % run.snapshotEvery === 0);
}

/** Calls up to the last training batch among the first `calls`: nothing behind it has changed a state. */
export function lastWeightStep(run: Lengths, calls: number): number {
  if (calls === 0) return 0;
  const rest = ((calls - 1) % callsPerEpoch(run)) + 1;
  return calls - rest + Math.min(rest, batchesOf(run));
}

/** Whether an epoch ends there, with its evaluations. */
export function endsEpoch(run: Lengths, calls: number): boolean {
  return calls > 0 && calls % callsPerEpoch(run) === 0;
}
