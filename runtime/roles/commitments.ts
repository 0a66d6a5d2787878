/** Signed hashes of states, and seals of stretches, on their way to the synchronizer. */
import type { Commit, Message, Sealed } from '../wire/messages.ts';
import type { HostedShard } from './trainer-state.ts';

/** State hashes in one message. */
const MAX_STATES = 500;

/**
 * Signed states that are not sent yet, in messages; the newest one is kept, for it has to be known before a part. Those
 * behind a part that is still being stored wait for it: the synchronizer holds a part against the newest that it knows.
 */
export function takeCommits(shard: HostedShard): {
  readonly shard: HostedShard;
  readonly messages: readonly Message[];
} {
  const commits = upToPart(shard);
  const newest = commits.at(-1);
  if (!newest) return { shard, messages: [] };
  const messages: Message[] = [];
  for (let at = 0; at < commits.length; at += MAX_STATES)
    messages.push(commitOf(shard, commits.slice(at, at + MAX_STATES)));
  return { shard: { ...shard, commits: shard.commits.slice(commits.length), newest }, messages };
}

/** Signed states that have to be known before a part: they may have been lost with a connection. */
export function newestCommit(shard: HostedShard): readonly Message[] {
  const newest = upToPart(shard).at(-1) ?? shard.newest;
  return newest ? [commitOf(shard, [newest])] : [];
}

/** They lie in the order of their calls. */
function upToPart({ commits, storing }: HostedShard): HostedShard['commits'] {
  return storing === undefined ? commits : commits.filter(({ calls }) => calls <= storing);
}

function commitOf({ run, term, shard }: HostedShard, states: Commit['states']): Commit {
  return { type: 'commit', run, term, shard, states };
}

/** Seals in one message, and what they have seen of borders. */
const MAX_SEALS = 256;
const MAX_SEEN = 2048;

/** Those of one shard and term in as few messages as they fit into. */
export function sealsTogether(sealed: readonly Sealed[]): Sealed[] {
  const byShard = new Map<string, Sealed>();
  const full: Sealed[] = [];
  for (const message of sealed) {
    const { run, term, shard } = message;
    const name = `${run}/${term}/${shard}`;
    const before = byShard.get(name);
    const together = { ...message, seals: [...(before?.seals ?? []), ...message.seals] };
    if (hasRoom(together)) byShard.set(name, together);
    else {
      full.push(together);
      byShard.delete(name);
    }
  }
  return [...full, ...byShard.values()];
}

/** For another seal. */
function hasRoom({ seals }: Sealed): boolean {
  const seen = seals.reduce((sum, seal) => sum + (seal.seen?.length ?? 0), 0);
  return seals.length < MAX_SEALS && seen < MAX_SEEN;
}
