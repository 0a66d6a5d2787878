/** Work that threads do beside the first one where one shard has them all. */
import { secondsOfCounted } from '../../../spec/costs.ts';
import type { Capability } from '../../wire/messages.ts';
import { batchWork, type RatedShard } from './rated-shard.ts';

/** @returns seconds of processors of a batch, beyond those by the clock; nothing where each shard has one thread */
export function sharedWork(shards: readonly RatedShard[], { cores, costs }: Capability): number {
  const [shard, other] = shards;
  if (!shard || other || !costs) return 0;
  const nothingHanded = { ...costs, call: 0, value: 0, valueByte: 0, farValueByte: 0 };
  return Math.max(0, cores - 1) * secondsOfCounted(batchWork(shard), nothingHanded, 'alone');
}
