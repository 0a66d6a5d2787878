/** Signed hashes of states on their way to the synchronizer, which holds parts of snapshots against them. */
import { type ShardId, shardName } from '../roles/trainer.ts';
import type { Commit, Part } from '../wire/messages.ts';

/** State hashes in one message. */
const MAX_STATES = 500;

interface Signer {
  readonly term: number;
  /** What was signed since it was last asked. */
  takeCommits(): Commit['states'];
}

export class Commitments {
  /** The newest one of each shard. */
  readonly #newest = new Map<string, Commit>();

  take({ run, term, shard }: ShardId, host: Signer): Commit[] {
    if (term !== host.term) return [];
    const states = host.takeCommits();
    const of = (some: Commit['states']): Commit => ({ type: 'commit', run, term, shard, states: some });
    if (states.length > 0) this.#newest.set(shardName({ run, shard }), of(states.slice(-1)));
    const messages: Commit[] = [];
    for (let at = 0; at < states.length; at += MAX_STATES) messages.push(of(states.slice(at, at + MAX_STATES)));
    return messages;
  }

  /** What has to be known before the part: it may have been lost with a connection. */
  before(part: Part): Commit | undefined {
    const commit = this.#newest.get(shardName(part));
    return commit?.term === part.term ? commit : undefined;
  }

  forget(name: string): void {
    this.#newest.delete(name);
  }
}
