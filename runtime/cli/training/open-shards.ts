/** Opens the shards of a training on this machine, and counts where their time goes if `NMC_DEBUG` asks for it. */
import { TRAIN } from '../../../spec/names.ts';
import type { Device } from '../../device/device.ts';
import type { Beginning, Shard } from '../../shard/shard.ts';
import { openShards, type ShardSource } from '../../shard/shards.ts';
import { tickTimes } from '../../support/process-times.ts';

/** @param begin how to begin, asked once */
export function openTraining(
  device: Device,
  sources: readonly ShardSource[],
  begin: () => Beginning | Promise<Beginning>,
): Promise<Shard> {
  return openShards(device, sources, begin, TRAIN, (shard) => tickTimes(`shard ${shard}`));
}
