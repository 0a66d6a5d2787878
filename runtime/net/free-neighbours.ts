/** The neighbours of a shard in the schedule `async`, as its deployment and its borders have them. */
import type { ShardSchedule } from '../../spec/schedule.ts';
import { awayOf } from '../roles/empty-shards.ts';
import type { ShardSession } from '../shard/session.ts';
import type { Deployment } from '../wire/deployment.ts';
import { AbsentNeighbours, type NeighboursOptions } from './absent-neighbours.ts';
import type { ShardBorders } from './shard-borders.ts';

interface Around extends Pick<NeighboursOptions, 'free' | 'isKept' | 'send'> {
  readonly schedule: ShardSchedule;
  readonly session: Pick<ShardSession, 'standIn'>;
  /** Made behind this. */
  readonly borders: () => Pick<ShardBorders, 'isLocal' | 'ownerOf' | 'ask'>;
  readonly now: () => number;
  /** Something stands in for frames that this shard reads, or no longer. */
  readonly blind: (isBlind: boolean) => void;
}

export function freeNeighbours(deployment: Deployment, of: Around): AbsentNeighbours {
  const { session, borders, now, blind, ...around } = of;
  const { shard } = around.schedule;
  const isRemote = (peer: number): boolean => !borders().isLocal(peer) && borders().ownerOf(peer) !== undefined;
  const neighbours: AbsentNeighbours = new AbsentNeighbours({
    ...around,
    isReached: (peer) => borders().isLocal(peer) || borders().ownerOf(peer) !== undefined,
    standIn: (absent, lost) => {
      session.standIn?.(absent, lost);
      blind(neighbours.hasAbsentSender);
    },
    leaving: deployment.late && {
      mayLeave: (empty) => !awayOf({ deployment, empty }).includes(shard),
      isRemote,
      ask: (peer) => borders().ask(peer),
      now,
    },
  });
  return neighbours;
}
