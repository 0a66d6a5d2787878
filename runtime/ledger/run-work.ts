/** Work of a run as its plan has it: operations of a training call, counted after all passes, times training calls. */
import { callsPerEpoch, evaluationCalls } from '../training/calls.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { EntryOf } from './entry.ts';

export type RunLength = Pick<EntryOf<'run'>, 'epochs' | 'train' | 'others'>;

/** @param hash of the deployment's own blob */
export function runEntryOf(deployment: Deployment, hash: string): Omit<EntryOf<'run'>, 'at'> {
  const others = evaluationCalls(deployment).reduce((sum, n) => sum + n, 0);
  const { run, epochs, needs } = deployment;
  const train = callsPerEpoch(deployment) - others;
  // A plan counts in whole operations; what an older one has rounded stays a number.
  const work = needs.map(({ flops }) => String(BigInt(Math.max(0, Math.round(flops)))));
  return { type: 'run', run, deployment: hash, epochs, train, others, work };
}

export function callsOf({ epochs, train, others }: RunLength): number {
  return epochs * (train + others);
}

/** Training calls among the first `calls` of a run; evaluations are part of a stretch, and count for nothing. */
export function trainingCalls({ train, others }: RunLength, calls: number): number {
  const perEpoch = train + others;
  if (perEpoch === 0) return 0;
  return Math.floor(calls / perEpoch) * train + Math.min(calls % perEpoch, train);
}
