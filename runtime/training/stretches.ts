/**
 * A run in stretches: what lies between two states that each shard has signed. They end at the same calls on all shards
 * and follow from the deployment alone, so a call says to which stretch it belongs. Pure.
 */
import { allCalls, batchesOf, callAt, callsPerEpoch, changesState, isCut, type SavedRun } from './calls.ts';

export interface StretchedRun extends SavedRun {
  /** Absent: each call that changes a state is a stretch; of schedule `async` what lies between two snapshots. */
  readonly stretches?: { readonly batches: number };
  readonly schedule?: string;
}

/** Whether all shards sign their states behind the first `calls` calls: at each snapshot, and every so many batches. */
export function endsStretch(run: StretchedRun, calls: number): boolean {
  if (calls === 0) return false;
  if (isCut(run, calls)) return true;
  const call = callAt(run, calls - 1);
  if (!run.stretches) return run.schedule !== 'async' && changesState(run, call);
  const steps = run.sequence ?? 1;
  const inEpoch = calls % callsPerEpoch(run);
  // The last batch of an epoch is signed with its evaluations, as it is saved.
  return call.kind === 'train' && inEpoch < batchesOf(run) * steps && inEpoch % (run.stretches.batches * steps) === 0;
}

/** Behind which call the stretch ends in which `call` lies. */
export function stretchEnd(run: StretchedRun, call: number): number {
  const all = allCalls(run);
  let calls = call + 1;
  while (calls < all && !endsStretch(run, calls)) calls++;
  return calls;
}

/**
 * Behind which call the stretch began in which `call` lies.
 * @param begin where the term began: a stretch does not reach from one term into the next
 */
export function stretchBegin(run: StretchedRun, call: number, begin: number): number {
  let calls = call;
  while (calls > begin && !endsStretch(run, calls)) calls--;
  return Math.max(begin, calls);
}
