/**
 * Runs that wait for trainers, in the order in which they were deployed. A later one may begin on trainers that are too
 * few for an earlier one, but only so often: then none begins before that one has.
 */
import { reluctanceOf } from './candidates.ts';
import { candidates, reassign } from './ownership.ts';
import { place } from './place.ts';
import { byDeployment } from './sharing.ts';
import type { Refusal, RunState } from './synchronizer-state.ts';
import { runs, Work } from './work.ts';

/** Later runs that begin before one that waits. */
export const MAX_OVERTAKEN = 4;

/** Each gets trainers, if there are some for it. */
export function placeWaiting(work: Work): void {
  const passed: string[] = [];
  for (const { deployment } of waiting(work)) {
    const run = work.state.runs[deployment.run];
    if (run?.phase !== 'waiting') continue;
    if (run.foreign) {
      passed.push(deployment.run);
      continue;
    }
    const ahead = passed.map((name) => work.state.runs[name]).find((r) => r && isDue(work, r));
    if (ahead) hold(work, run, `it begins behind ${ahead.deployment.run}, which has waited for longer`);
    else reassign(work, run, '');
    const now = work.state.runs[deployment.run];
    if (now?.phase === 'waiting') passed.push(deployment.run);
    else if (now) begun(work, now, passed);
  }
}

/** Whether one waits that these trainers could train, if they had nothing else to do. */
export function someoneWaits(work: Work): boolean {
  return waiting(work).some((run) => couldHold(work, run));
}

/** In order; those whose checks are to be computed by others have their own way. */
export function waiting(work: Work): RunState[] {
  return runs(work)
    .filter((run) => run.phase === 'waiting' && run.checkingFrom === undefined)
    .sort(byDeployment);
}

function hold(work: Work, run: RunState, reason: string): void {
  if (run.reason === reason) return;
  work.saveRun({ ...run, reason });
  work.log(run.deployment.run, { event: 'waiting', reason });
}

/** @param passed names of those that it has overtaken */
function begun(work: Work, { overtaken: times, ...run }: RunState, passed: readonly string[]): void {
  if (times !== undefined) work.saveRun(run);
  for (const name of passed) {
    if (work.state.runs[name]?.foreign) work.effects.push({ kind: 'overtook', run: name });
    else overtaken(work, name);
  }
}

/** A later run has begun before it. */
export function overtaken(work: Work, name: string): Refusal | undefined {
  const run = work.state.runs[name];
  if (!run || run.foreign) return 'unknown-run';
  if (run.phase !== 'waiting') return 'not-active';
  work.saveRun({ ...run, overtaken: (run.overtaken ?? 0) + 1 });
  return undefined;
}

function isDue(work: Work, run: RunState): boolean {
  return (run.overtaken ?? 0) >= MAX_OVERTAKEN && couldHold(work, run);
}

/** For one that no trainers here can ever hold, none has to wait. */
function couldHold(work: Work, run: RunState): boolean {
  const alone = new Work({ ...work.state, runs: { [run.deployment.run]: run } }, work.now);
  // Which of them would be quickest does not matter here.
  return place(run.deployment.needs, candidates(alone, run), [], reluctanceOf(alone, run)).problem === undefined;
}
