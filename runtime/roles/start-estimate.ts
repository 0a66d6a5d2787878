/** When a run that waits for trainers will probably begin: at a snapshot or at the end of another one. */
import { allCalls, isCut } from '../training/calls.ts';
import { placeWaiting, waiting } from './queue.ts';
import { rebalance } from './rebalance.ts';
import { byDeployment } from './sharing.ts';
import type { RunState, SynchronizerState } from './synchronizer-state.ts';
import { Work } from './work.ts';

export interface StartEstimate {
  /** Milliseconds from now. */
  readonly in: number;
  /** What frees trainers for it. */
  readonly at: 'snapshot' | 'end';
  /** Of that run. */
  readonly of: string;
}

/** So many of those that wait, and of those that train, are looked at: it is asked for with every status. */
const MAX_LOOKED_AT = 16;

/** @returns nothing where it does not wait, or nothing is known of the speed of those that hold the trainers */
export function startEstimate(state: SynchronizerState, run: RunState): StartEstimate | undefined {
  const { run: id } = run.deployment;
  const plain = withoutPace(state);
  const queue = waiting(new Work(plain, state.now)).slice(0, MAX_LOOKED_AT);
  if (!queue.some((r) => r.deployment.run === id)) return undefined;
  const training = Object.values(plain.runs)
    .filter((r) => r.phase === 'running')
    .sort(byDeployment)
    .slice(0, MAX_LOOKED_AT);
  const found = [...atSnapshots(plain, training, id), ...atEnds(plain, training, id)];
  return found.sort((a, b) => a.in - b.in)[0];
}

function* atSnapshots(state: SynchronizerState, training: readonly RunState[], id: string): Generator<StartEstimate> {
  for (const run of training) {
    const work = new Work(state, state.now);
    rebalance(work, run);
    const left = timeUntil(run, nextSnapshot(run), state.now);
    if (left !== undefined && hasBegun(work, id)) yield { in: left, at: 'snapshot', of: run.deployment.run };
  }
}

/** One after the other, with those who wait for longer before it. */
function* atEnds(state: SynchronizerState, training: readonly RunState[], id: string): Generator<StartEstimate> {
  const ends = training.flatMap((run) => {
    const left = timeUntil(run, allCalls(run.deployment), state.now);
    return left === undefined ? [] : [{ run, left }];
  });
  const work = new Work(state, state.now);
  for (const { run, left } of ends.sort((a, b) => a.left - b.left)) {
    work.setRun({ ...run, phase: 'done' });
    placeWaiting(work);
    if (!hasBegun(work, id)) continue;
    yield { in: left, at: 'end', of: run.deployment.run };
    return;
  }
}

function hasBegun({ state }: Work, id: string): boolean {
  return state.runs[id]?.phase === 'preparing';
}

function nextSnapshot({ deployment, progress }: RunState): number {
  let calls = progress.slowest.calls + 1;
  while (calls < allCalls(deployment) && !isCut(deployment, calls)) calls++;
  return calls;
}

/** By the mean of all calls that it has ended. */
function timeUntil({ progress }: RunState, calls: number, now: number): number | undefined {
  const measured = Object.values(progress.measured);
  const ended = measured.reduce((sum, m) => sum + m.calls, 0);
  if (ended === 0) return undefined;
  const each = measured.reduce((sum, m) => sum + m.milliseconds, 0) / ended;
  const { slowest } = progress;
  return Math.max(0, (calls - slowest.calls) * each - (now - slowest.at));
}

/** Which trainers would be quickest does not matter for whether there are some. */
function withoutPace(state: SynchronizerState): SynchronizerState {
  const runs = Object.values(state.runs).map((run) => {
    const { pace: _, ...deployment } = run.deployment;
    return [deployment.run, { ...run, deployment }] as const;
  });
  return { ...state, runs: Object.fromEntries(runs) };
}
