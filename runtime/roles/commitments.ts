/** Signed hashes of states on their way to the synchronizer, which holds parts of snapshots against them. */
import type { Commit, Message } from '../wire/messages.ts';
import type { HostedShard } from './trainer-state.ts';

/** State hashes in one message. */
const MAX_STATES = 500;

/** Signed states that are not sent yet, in messages; the newest one is kept, for it has to be known before a part. */
export function takeCommits(shard: HostedShard): {
  readonly shard: HostedShard;
  readonly messages: readonly Message[];
} {
  const { commits } = shard;
  const newest = commits.at(-1);
  if (!newest) return { shard, messages: [] };
  const messages: Message[] = [];
  for (let at = 0; at < commits.length; at += MAX_STATES)
    messages.push(commitOf(shard, commits.slice(at, at + MAX_STATES)));
  return { shard: { ...shard, commits: [], newest }, messages };
}

/** Signed states that have to be known before a part: they may have been lost with a connection. */
export function newestCommit(shard: HostedShard): readonly Message[] {
  const newest = shard.commits.at(-1) ?? shard.newest;
  return newest ? [commitOf(shard, [newest])] : [];
}

function commitOf({ run, term, shard }: HostedShard, states: Commit['states']): Commit {
  return { type: 'commit', run, term, shard, states };
}
