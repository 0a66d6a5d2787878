/**
 * Owners come and go while the others go on (schedule `async`): a shard that no trainer computes is empty, its neighbours
 * do without its frames, and its next owner begins with its own last part, at the call that the others are at. What
 * teaches nothing without it rests: no other goes back to a snapshot.
 */
import { trainingsEnd } from '../training/calls.ts';
import type { Message } from '../wire/messages.ts';
import { awayOf, tellAway } from './empty-shards.ts';
import type { RunState } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/** A shard has keys for its borders: it is loaded, or goes on under new ones. */
export function arrived(work: Work, run: RunState, shard: number, from: string): void {
  const { term, empty = [] } = run;
  const { run: id } = run.deployment;
  const isNew = empty.includes(shard);
  const left = empty.filter((other) => other !== shard);
  const { emptySince: _since, ...full } = run;
  const now = isNew ? work.saveRun({ ...(left.length === 0 ? full : run), empty: left }) : run;
  work.tell(now, { type: 'peers', run: id, term, peers: Object.values(now.exchanges) });
  const start: Message = { type: 'start', run: id, term, calls: begunBy(now) };
  if (isNew) work.log(id, { event: 'running', epoch: term, calls: start.calls });
  // Said again, it has no effect: it may have missed the word with its connection.
  work.send(from, start);
  tellAway(work, now);
}

/** Calls that the others have made, within the trainings of the epoch: one that begins with it is behind by no more. */
function begunBy({ deployment, manifests, reports }: RunState): number {
  const saved = manifests.at(-1)?.calls ?? 0;
  const most = Math.max(saved, ...Object.values(reports).map(({ calls }) => calls));
  return Math.max(saved, Math.min(most, trainingsEnd(deployment, saved + 1)));
}

/** Once. */
function sayThatAllWait(work: Work, run: RunState, shards: readonly number[]): void {
  const calls = run.manifests.at(-1)?.calls ?? 0;
  const kept = calls === 0 ? 'nothing of it is kept yet' : `what it has learnt is kept behind call ${calls}`;
  const without = run.manifests.length === 0 ? 'it is not given up' : 'no other shard learns anything without it';
  const reason = `no trainer has room for shard ${shards.join(', ')}; ${kept}, and ${without}`;
  if (run.reason === reason) return;
  work.log(run.deployment.run, { event: 'waiting', reason });
  work.saveRun({ ...run, reason });
}

/** Looks at every tick for trainers that could take what is empty, and gives up what stays empty for too long. */
export function watchEmpty(work: Work, run: RunState, refill: () => boolean): void {
  const { empty = [], lost = [], owners, deployment, emptySince = work.now } = run;
  const free = empty.filter((shard) => owners[shard] === '');
  if (free.length === 0 || refill()) return;
  const given = free.filter((shard) => !lost.includes(shard));
  if (given.length === 0 || work.now - emptySince <= work.state.limits.empty) return;
  // Where nothing can be taught without them, or nothing of them is kept, those who are there wait for one who takes them.
  if (run.manifests.length === 0 || awayOf(run).length === deployment.shards) {
    sayThatAllWait(work, run, given);
    return;
  }
  const next = work.saveRun({ ...run, lost: [...lost, ...given].sort((a, b) => a - b) });
  for (const shard of given)
    work.log(deployment.run, { event: 'deprecated', shard, calls: run.manifests.at(-1)?.calls ?? 0 });
  tellAway(work, next);
}
