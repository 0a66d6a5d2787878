/**
 * What audits add to a training: stretches that are drawn are done again, half of them by trainers that stand elsewhere, as
 * `runtime/audit/auditors.ts` draws them. No shard waits for it, but it takes processors of machines that have shards.
 */
import { AGAIN_SHARE, GIVEN_SHARE, isNear } from '../../audit/auditors.ts';
import { placeOf } from '../../roles/batch-time.ts';
import type { RatedShard } from './rated-shard.ts';
import type { RatedTrainer } from './trainer-rated.ts';

/** Behind each batch of a shard, on average. */
export interface AuditShare {
  /** By whose processors. */
  readonly machine: string;
  /** Of the shard's batch, done again there. */
  readonly share: number;
}

/**
 * Audits that a trainer could do and those that only the synchronizer can are told apart by where trainers stand: whether
 * their devices give the same bits the mesh knows, and not its status. Audits by a synchronizer on another machine cost
 * trainers nothing.
 *
 * @param owners keys of trainers, by shard
 * @param synchronizer machine that it stands on, where that is one of the trainers'
 * @returns by shard
 */
export function auditShares(
  shards: readonly Pick<RatedShard, 'schedule'>[],
  owners: readonly string[],
  trainers: readonly RatedTrainer[],
  synchronizer?: string,
): readonly (readonly AuditShare[])[] {
  return shards.map((_, i) => {
    const audited = trainers.find(({ key }) => key === owners[i]);
    const { rate = 0 } = audited?.audited ?? {};
    if (!audited || rate === 0) return [];
    const near = [audited.key, ...ownersBeside(audited.key, shards, owners)].flatMap((key) =>
      trainers.filter((t) => t.key === key).map(standing),
    );
    const far = trainers.filter((t) => t.audited && !near.some((other) => isNear(standing(t), other)));
    const given = far.length > 0 ? GIVEN_SHARE : 0;
    const others = far.map(({ capability }) => ({ machine: capability.machine, share: (rate * given) / far.length }));
    const own = rate * (1 - given + given * AGAIN_SHARE);
    return synchronizer === undefined ? others : [...others, { machine: synchronizer, share: own }];
  });
}

function standing({ key, capability }: RatedTrainer): { readonly key: string; readonly place: string } {
  return { key, place: placeOf(capability) };
}

/** Of shards that exchange frames with those of this trainer. */
function ownersBeside(
  owner: string,
  shards: readonly Pick<RatedShard, 'schedule'>[],
  owners: readonly string[],
): readonly string[] {
  const own = new Set(shards.flatMap(({ schedule }, i) => (owners[i] === owner ? [schedule.shard] : [])));
  return shards.flatMap(({ schedule }, i) => {
    const meets = schedule.messages.some(({ from, to }) => own.has(from) || own.has(to));
    return meets && owners[i] !== undefined ? [owners[i]] : [];
  });
}
