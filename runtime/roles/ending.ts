/** How a run comes to rest: asked to stop, all shards go on to a common call and save there; or it ends where it is. */
import type { Message } from '../wire/messages.ts';
import { release } from './ownership.ts';
import type { Refusal, RunState } from './synchronizer-state.ts';
import { isActive, type Work } from './work.ts';

/** Shards that do not come to a common end in this time stop at the last manifest. */
const MAX_HALT_MILLISECONDS = 10_000;
/** The same where all have saved, and their parts are being looked at. */
const MAX_VERIFY_MILLISECONDS = 60_000;

export function halt(work: Work, id: string, into: 'stopped' | 'suspended'): void {
  const run = work.state.runs[id];
  if (!run || run.foreign) return;
  // Its checks begin again when the mesh does.
  if (run.phase === 'checking' && into === 'stopped') end(work, run, 'stopped', 'stopped by an operator');
  if (!isActive(run)) return;
  const halting = work.setRun({ ...run, phase: 'halting', haltInto: into, haltSince: work.now, pausing: {} });
  if (run.phase !== 'running') halted(work, halting);
  else work.tell(halting, { type: 'pause', run: id, term: run.term });
}

/** To an owner whose connection broke: it may have missed the word, or its answer was lost. */
export function haltAgain(work: Work, run: RunState, key: string): void {
  if (run.phase !== 'halting') return;
  const { term } = run;
  const { run: id } = run.deployment;
  const answered = run.owners.every((owner, shard) => owner !== key || run.pausing[shard] !== undefined);
  const calls = haltTarget(run);
  if (!answered) work.send(key, { type: 'pause', run: id, term });
  else if (Number.isFinite(calls)) work.send(key, { type: 'halt', run: id, term, calls });
}

/** The call at which all stop; infinite until all have said where they can. */
export function haltTarget(run: RunState): number {
  const all = Object.values(run.pausing);
  const wanted = run.deployment.shards - (run.lost?.length ?? 0);
  return all.length >= wanted ? Math.max(...all) : Number.POSITIVE_INFINITY;
}

export function pausing(
  work: Work,
  run: RunState,
  { shard, calls }: Message & { type: 'pausing' },
): Refusal | undefined {
  if (run.phase !== 'halting') return 'not-halting';
  const next = work.setRun({ ...run, pausing: { ...run.pausing, [shard]: calls } });
  const target = haltTarget(next);
  if (!Number.isFinite(target)) return undefined;
  if ((next.manifests.at(-1)?.calls ?? 0) >= target) halted(work, next);
  else work.tell(next, { type: 'halt', run: run.deployment.run, term: run.term, calls: target });
  return undefined;
}

export function isHaltedTooLong(run: RunState, now: number): boolean {
  return now - run.haltSince > (run.verifying > 0 ? MAX_VERIFY_MILLISECONDS : MAX_HALT_MILLISECONDS);
}

export function halted(work: Work, run: RunState): void {
  if (run.haltInto === 'stopped') {
    end(work, run, 'stopped', 'stopped by an operator');
    return;
  }
  const saved = work.saveRun({ ...run, phase: 'suspended', reason: 'the mesh was stopped' });
  work.log(run.deployment.run, { event: 'suspended', calls: run.manifests.at(-1)?.calls ?? 0 });
  release(work, run.owners, saved);
}

export function end(work: Work, run: RunState, phase: 'stopped' | 'failed', reason: string, code?: string): void {
  const saved = work.saveRun({ ...run, phase, reason });
  work.log(
    run.deployment.run,
    phase === 'failed' ? { event: 'error', code: code ?? 'run/failed', message: reason } : { event: 'interrupted' },
  );
  release(work, run.owners, saved);
}
