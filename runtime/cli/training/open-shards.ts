/** Opens the shards of a training on this machine, and counts where their time goes if `NMC_DEBUG` asks for it. */
import { TRAIN } from '../../../spec/names.ts';
import type { Device } from '../../device/device.ts';
import type { Beginning, Shard } from '../../shard/shard.ts';
import { openShards, type ShardSource } from '../../shard/shards.ts';
import type { LanePlan } from '../../shard/threads/lane-plan.ts';
import { threadsFor } from '../../shard/threads/open.ts';
import { UserError } from '../../support/errors.ts';
import { tickTimes } from '../../support/process-times.ts';
import type { FrameChooser } from '../../training/free-ticks.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import { assertGoesWith } from '../shell/border-codec.ts';
import { lanesOfShards } from './lanes-of-shards.ts';

/**
 * @param codec of the borders between its shards
 * @param begin how to begin, asked once
 * @param chooser which frames ticks read; absent: those of the same tick
 */
export function openTraining(
  device: Device,
  sources: readonly ShardSource[],
  codec: BorderCodec,
  begin: () => Beginning | Promise<Beginning>,
  chooser?: FrameChooser,
): Promise<Shard> {
  if (sources.length < 2 && codec !== 'f32')
    throw new UserError(
      'deploy/codec',
      `--borders ${codec} says how numbers cross between shards, and this training has one`,
      'cut it with --shards K, or leave --borders out',
    );
  assertGoesWith(codec, chooser !== undefined);
  // Between threads that share batches nothing crosses.
  const lanes = codec === 'f32' && !chooser ? lanesOn(device, sources) : undefined;
  return openShards(device, sources, begin, TRAIN, (shard) => tickTimes(`shard ${shard}`), { lanes, codec, chooser });
}

/** Nothing where there is one shard, or no threads that run several. */
function lanesOn({ threads }: Device, sources: readonly ShardSource[]): LanePlan | undefined {
  if (threads === undefined || sources.length < 2) return undefined;
  return lanesOfShards(sources, threadsFor(sources.length, threads));
}
