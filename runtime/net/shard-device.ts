/** How a shard of a run is computed: on which threads, and with which numbers on its borders. */
import type { Device, DeviceSession, Executable } from '../device/device.ts';
import type { Codec } from '../wire/codec.ts';
import type { Deployment } from '../wire/deployment.ts';

/**
 * Several shards may share this machine: one thread of computation each, which also fixes the order of sums. Where every
 * run is short it is done where frames come and go, for two threads that wake each other take longer.
 */
export async function openShardDevice(
  device: Device,
  deployment: Deployment,
  executable: Executable,
): Promise<DeviceSession> {
  if (deployment.shards === 1) return device.open(executable);
  const here = executable.short === true ? await device.openHere?.(executable) : undefined;
  const [together] = here ? [here] : ((await device.openAll?.([executable])) ?? []);
  return together ?? (await device.open(executable));
}

export function borderCodec({ name }: Pick<Device, 'name'>, { codec }: Pick<Deployment, 'codec'>): Codec {
  return name === 'reference' && codec === 'f32' ? 'f64' : codec;
}
